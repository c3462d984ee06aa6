import { tokenHigh, tokenLow } from "../../ring/token.js";

/** Slots of one set, which are searched one by one. */
const setSlots = 8;
const sets = 2 ** 14;
/** The bits of a token's high half that are the number of its set. */
const setMask = sets - 1;
/** A slot: the low half of the key's token, and the batch that holds it. A set is 64 bytes, a line of the processor's cache. */
const slotWords = 2;
const setWords = setSlots * slotWords;

/** What `claim` answers in place of a batch. */
export const claims = { free: 0, noRoom: -1 } as const;

/**
 * Which keys are in batches that are not settled. They are known by their tokens, in typed arrays: a Set of their texts took a
 * tenth of an import's time. Two keys that share 46 bits of their tokens count as one where one batch has to wait for another, which
 * is rare and does no harm; for what is in one batch all 64 bits must be the same. HOT.
 */
export class BusyKeys {
  /** Where the last claim answered with its own batch: the place of the earlier row of that key. */
  earlierPlace = 0;
  readonly #slots = new Uint32Array(sets * setWords);
  /** Of each slot the rest of its token, and in the lowest 14 bits the row's place in its batch. */
  readonly #places = new Uint32Array(sets * setSlots);
  readonly #busyBatches = new Set<number>();
  /** No batch below is busy, which is what most slots tell: they are never emptied. */
  #oldestBusy = 1;
  #next = 1;

  /** Numbers of batches are above 0 and below 2^32, and each is larger than the one before. */
  begin(batch: number): void {
    this.#busyBatches.add(batch);
    this.#next = batch + 1;
  }

  /** All keys of the batch go free. */
  settle(batch: number): void {
    this.#busyBatches.delete(batch);
    while (this.#oldestBusy < this.#next && !this.#busyBatches.has(this.#oldestBusy)) this.#oldestBusy++;
  }

  /**
   * Takes the key `bytes[start .. end)` for the row at `place`, below 2^14, of the batch. Answers with the busy batch that had the key
   * last, which may be the same one; `free`; or `noRoom`, where too many keys are busy and nothing was done.
   */
  claim(bytes: Uint8Array, start: number, end: number, batch: number, place: number): number {
    const slots = this.#slots;
    const low = tokenLow(bytes, start, end);
    const high = tokenHigh(bytes, start, end);
    const tagged = (high & ~setMask) | place;
    let at = (high & setMask) * setWords;
    let free: number = claims.noRoom;
    for (const setEnd = at + setWords; at < setEnd; at += slotWords) {
      const holder = slots[at + 1] as number;
      if (holder < this.#oldestBusy || !this.#busyBatches.has(holder)) free = at;
      else if (slots[at] === low && this.#isSame(at, holder, batch, tagged)) return this.#takeOver(at, holder, batch, tagged);
    }
    if (free < 0) return claims.noRoom;
    slots[free] = low;
    slots[free + 1] = batch;
    this.#places[free / slotWords] = tagged;
    return claims.free;
  }

  #isSame(at: number, holder: number, batch: number, tagged: number): boolean {
    return holder !== batch || (((this.#places[at / slotWords] as number) ^ tagged) & ~setMask) === 0;
  }

  #takeOver(at: number, holder: number, batch: number, tagged: number): number {
    this.earlierPlace = (this.#places[at / slotWords] as number) & setMask;
    this.#slots[at + 1] = batch;
    this.#places[at / slotWords] = tagged;
    return holder;
  }
}
