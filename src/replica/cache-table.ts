/** The hash table of the entry cache as memory: how large it is, and how it becomes larger without a long stop. */

/** At most a slot for every so many bytes of budget. The table starts small: large entries are few, and get the memory. */
const bytesPerSlot = 96;
const slotsFewest = 1 << 10;
/** A table that may become larger has its size from the start: to move so many entries would stop everything for long. */
const growingSlotsMost = 1 << 23;
const slotsMost = 2 ** 30;
/** The tag of a record, and its place plus 1, or 0: empty. */
const wordsPerSlot = 2;
const wordsPerPage = 4096 / Uint32Array.BYTES_PER_ELEMENT;

/** A power of two. */
export function cacheSlotsMost(budgetBytes: number): number {
  return Math.min(slotsMost, Math.max(slotsFewest, 2 ** Math.ceil(Math.log2(budgetBytes / bytesPerSlot))));
}

export function cacheSlotsAtFirst(mostSlots: number): number {
  return mostSlots > growingSlotsMost ? mostSlots : slotsFewest;
}

export function emptySlots(count: number): Uint32Array {
  return new Uint32Array(count * wordsPerSlot);
}

/**
 * Memory for the next, larger table. The system hands out memory a page at a time when it is first written, at some 3 µs each: two
 * thirds of the time that a table takes to grow. So its pages are written to one by one while the table before it fills up.
 */
export class NextTable {
  #slots: Uint32Array | undefined;
  #writtenWords = 0;

  get byteLength(): number {
    return this.#slots?.byteLength ?? 0;
  }

  /** One step of making a table with so many slots. */
  prepare(slotCount: number): void {
    this.#slots ??= emptySlots(slotCount);
    if (this.#writtenWords >= this.#slots.length) return;
    this.#slots[this.#writtenWords] = 0;
    this.#writtenWords += wordsPerPage;
  }

  take(slotCount: number): Uint32Array {
    const slots = this.#slots ?? emptySlots(slotCount);
    this.#slots = undefined;
    this.#writtenWords = 0;
    return slots;
  }
}

/** Removes a slot and closes the gap in its probe run (Knuth, TAOCP 6.4, algorithm R), so that no tombstones pile up. */
export function removeSlot(slots: Uint32Array, slot: number): void {
  const mask = slots.length / wordsPerSlot - 1;
  let gap = slot;
  for (let next = (gap + 1) & mask; slots[next * 2 + 1] !== 0; next = (next + 1) & mask) {
    const home = (slots[next * 2] as number) & mask;
    if (((next - home) & mask) < ((next - gap) & mask)) continue;
    slots[gap * 2] = slots[next * 2] as number;
    slots[gap * 2 + 1] = slots[next * 2 + 1] as number;
    gap = next;
  }
  slots[gap * 2 + 1] = 0;
}

/**
 * Enters all of one table's slots into a larger one, which is empty. Tags are in the table, so no record is touched; slots near each other
 * in the one are so in the other too: 10 ns an entry.
 */
export function moveSlots(from: Uint32Array, to: Uint32Array): void {
  const mask = to.length - 1;
  for (let i = 0; i < from.length; i += wordsPerSlot) {
    const place = from[i + 1] as number;
    if (place === 0) continue;
    const tag = from[i] as number;
    // The product may pass 32 bits; what the mask leaves does not.
    let word = (tag << 1) & mask;
    while (to[word + 1] !== 0) word = (word + wordsPerSlot) & mask;
    to[word] = tag;
    to[word + 1] = place;
  }
}
