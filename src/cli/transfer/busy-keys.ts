import { tokenHigh, tokenLow } from "../../ring/token.js";

/** Slots of one set, which are searched one by one. A power of two, as is the number of sets. */
const setSlots = 8;
const sets = 2 ** 14;
/** A slot: the low half of the key's token, and the batch that holds it. A set is 64 bytes, a line of the processor's cache. */
const slotWords = 2;
const setWords = setSlots * slotWords;

/**
 * Which keys are in batches that are not settled. They are known by their tokens, in typed arrays: a Set of their texts took a
 * tenth of an import's time. Two keys that share 46 bits of their tokens count as one, and where a set is full every key counts as
 * busy: both are rare (one row in ten million, with 8,000 keys under way), and only make somebody wait. HOT.
 */
export class BusyKeys {
  readonly #slots = new Uint32Array(sets * setWords);
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

  /** Takes the key `bytes[start .. end)` for the batch; false, and nothing done, where it is busy. */
  claim(bytes: Uint8Array, start: number, end: number, batch: number): boolean {
    const slots = this.#slots;
    const low = tokenLow(bytes, start, end);
    let at = (tokenHigh(bytes, start, end) & (sets - 1)) * setWords;
    let free = -1;
    for (const setEnd = at + setWords; at < setEnd; at += slotWords) {
      const holder = slots[at + 1] as number;
      if (holder < this.#oldestBusy || !this.#busyBatches.has(holder)) free = at;
      else if (slots[at] === low) return false;
    }
    if (free < 0) return false;
    slots[free] = low;
    slots[free + 1] = batch;
    return true;
  }
}
