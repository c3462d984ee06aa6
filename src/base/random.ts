/** The port for randomness. Seeded in tests and in the simulator. */
export interface Random {
  /** A whole number in [0, 2^32). */
  uint32(): number;
  /** A number in [0, 1). */
  unit(): number;
  /** A whole number in [0, bound). `bound` is at most 2^32. */
  below(bound: number): number;
}

/** A sequence that its seed decides: mulberry32 (Tommy Ettinger, 2017, public domain). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const uint32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return randomFrom(uint32);
}

export const systemRandom: Random = randomFrom(() => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0);

function randomFrom(uint32: () => number): Random {
  return {
    uint32,
    unit: () => uint32() / 2 ** 32,
    below: (bound) => Math.floor((uint32() / 2 ** 32) * bound),
  };
}
