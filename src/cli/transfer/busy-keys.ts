import { tokenHigh, tokenLow } from "../../ring/token.js";

/** Slots of one set, which are searched one by one. A power of two, as is the number of sets. */
const setSlots = 8;
const sets = 2 ** 14;
/** A slot: the key's token, high and low, and the batch that holds it. */
const slotWords = 3;

/**
 * Which keys are in batches that are not settled. They are known by their tokens, in typed arrays: a Set of their texts took a
 * tenth of an import's time. Two keys with one token count as one, and where a set is full every key counts as busy: both are
 * rare (one row in ten million, with 8,000 keys under way), and only make somebody wait. HOT.
 */
export class BusyKeys {
  readonly #slots = new Uint32Array(sets * setSlots * slotWords);
  readonly #busyBatches = new Set<number>();

  /** Numbers of batches are above 0 and below 2^32. */
  begin(batch: number): void {
    this.#busyBatches.add(batch);
  }

  /** All keys of the batch go free. */
  settle(batch: number): void {
    this.#busyBatches.delete(batch);
  }

  /** Takes the key `bytes[start .. end)` for the batch; false, and nothing done, where it is busy. */
  claim(bytes: Uint8Array, start: number, end: number, batch: number): boolean {
    const slots = this.#slots;
    const high = tokenHigh(bytes, start, end);
    const low = tokenLow(bytes, start, end);
    let at = (high & (sets - 1)) * setSlots * slotWords;
    let free = -1;
    for (const setEnd = at + setSlots * slotWords; at < setEnd; at += slotWords) {
      const holder = slots[at + 2] as number;
      if (holder === 0 || !this.#busyBatches.has(holder)) free = at;
      else if (slots[at] === high && slots[at + 1] === low) return false;
    }
    if (free < 0) return false;
    slots[free] = high;
    slots[free + 1] = low;
    slots[free + 2] = batch;
    return true;
  }
}
