/**
 * A table that shortens the search among sorted tokens: the token space is cut into slots of equal width, at least as many as there
 * are tokens and fewer than twice as many, so that tokens that are spread evenly are about one a slot. The tokens of slot s are those
 * at the places [slots[s], slots[s + 1]); a token's slot is `high >>> shift`.
 */
export interface TokenSlots {
  readonly slots: Uint32Array;
  readonly shift: number;
}

/** `highs`: the high parts of the tokens, in order, at least one and fewer than 2^31. 4 to 8 B a token. */
export function tokenSlots(highs: Uint32Array): TokenSlots {
  // A shift by 32 would be no shift.
  const bits = Math.max(1, 32 - Math.clz32(highs.length - 1));
  const shift = 32 - bits;
  const slots = new Uint32Array(2 ** bits + 1);
  // First how many each slot has, then how many all slots before it have: no branch that could be guessed wrong.
  for (let i = 0; i < highs.length; i++) {
    const next = ((highs[i] as number) >>> shift) + 1;
    slots[next] = ((slots[next] as number) + 1) | 0;
  }
  let sum = 0;
  for (let slot = 1; slot < slots.length; slot++) slots[slot] = sum = (sum + (slots[slot] as number)) | 0;
  return { slots, shift };
}
