/** How many slots the hash table of the entry cache has. */

/** At most a slot for every so many bytes of budget. The table starts small: large entries are few, and get the memory. */
const bytesPerSlot = 96;
const slotsFewest = 1 << 10;
/** A table that may become larger has its size from the start: to double it would stop everything for longer than a tenth of a second. */
const growingSlotsMost = 1 << 23;
const slotsMost = 2 ** 30;

/** A power of two. */
export function cacheSlotsMost(budgetBytes: number): number {
  return Math.min(slotsMost, Math.max(slotsFewest, 2 ** Math.ceil(Math.log2(budgetBytes / bytesPerSlot))));
}

export function cacheSlotsAtFirst(mostSlots: number): number {
  return mostSlots > growingSlotsMost ? mostSlots : slotsFewest;
}
