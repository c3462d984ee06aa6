import { copyBytes } from "../base/bytes.js";
import { NextTable, cacheSlotsAtFirst, cacheSlotsMost, emptySlots, moveSlots, removeSlot } from "./cache-table.js";

/**
 * The entries that are kept in main memory, within a budget, so that hot reads do not reach the storage engine. HOT.
 *
 * Records lie in segments of 1 MiB, written from front to back; a hash table of typed arrays (open addressing, linear probing) finds them.
 * No object per entry: ten million small objects would ruin the garbage collector's pauses. A value of the same size is written in the
 * place of the one before; with another size the old record stays as garbage. When the budget is used up the oldest segment is emptied:
 * records that were read since they were written move to the newest segment once more (FIFO with a second chance), the others go. Of a
 * record that goes its size and version stay for one more round, where the value was much larger: an update needs no more of the entry
 * before it, and so reads nothing from the engine.
 *
 *     record, 8-byte aligned, little-endian words:
 *     space u32 | token high u32 | token low u32 | version low u32 |
 *     version high u16, key bytes u13, absent 1 bit, referenced 1 bit, without value 1 bit | value bytes u32 | key | value
 *
 * `space` names a set of entries that can be forgotten at once: a canister takes a new one when it is cleared. A known
 * absence is a record too, so that a repeated read of a missing key, or the first put of a new one, needs no disk.
 */
const segmentBytes = 1 << 20;
/** A place counts units of 8 bytes over all segments, in 32 bits: 32 GiB at most. */
const segmentShift = 17;
const segmentsMost = 2 ** (32 - segmentShift) - 1;
const segmentUnits = 1 << segmentShift;
const segmentUnitMask = segmentUnits - 1;
const headerBytes = 24;
const headerWords = headerBytes / 4;
/** Larger records would empty the cache for one entry; they are read from the engine. */
const recordMaxBytes = segmentBytes / 4;
/** Past these fills a table twice as large is made ready, and taken; the largest lets go of entries past the third. */
const tableFillPreparing = 0.45;
const tableFillGrowing = 0.6;
const tableFillMost = 0.8;
/** Past this fill of the largest table nothing stays without its value: segments that are emptied for a slot would free none. */
const withoutValueFillMost = 0.6;

const versionHighMask = 0xffff;
const keyBytesShift = 16;
const keyBytesMask = 0x1fff;
const absentFlag = 1 << 29;
const referencedFlag = 1 << 30;
const withoutValueFlag = 1 << 31;
/** Of a smaller value the record without it would save little. */
const droppedValueFewestBytes = 128;

export class EntryCache {
  /** Of the record that `find` or `findSize` found last. Good until the next call that writes. */
  foundVersion = 0;
  foundAbsent = false;
  foundBytes: Uint8Array = new Uint8Array(0);
  foundValueStart = 0;
  foundValueEnd = 0;
  foundValueBytes = 0;
  /** For the statistics. */
  entries = 0;
  readonly #budgetBytes: number;
  readonly #slotsMost: number;
  #mask: number;
  /** For each slot two neighbouring words: the record's tag; its place in units of 8 bytes over all segments, plus 1, or 0: empty. */
  #slots: Uint32Array;
  readonly #next = new NextTable();
  readonly #words: Uint32Array[] = [];
  readonly #bytes: Buffer[] = [];
  /** Segment being written, and how far. */
  #head = 0;
  #headOffset = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
    this.#slotsMost = cacheSlotsMost(budgetBytes);
    const slots = cacheSlotsAtFirst(this.#slotsMost);
    this.#mask = slots - 1;
    this.#slots = emptySlots(slots);
  }

  /** Bytes of memory in use. */
  get sizeBytes(): number {
    return this.#words.length * segmentBytes + this.#tableBytes;
  }

  get #tableBytes(): number {
    return this.#slots.byteLength + this.#next.byteLength;
  }

  /** Looks the entry up; true where it, or its absence, is known: then the `found…` fields describe it. */
  find(space: number, tokenHigh: number, tokenLow: number, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    return (
      this.findSize(space, tokenHigh, tokenLow, key, keyStart, keyEnd) && this.foundValueEnd - this.foundValueStart === this.foundValueBytes
    );
  }

  /** As `find`, also where the version and the value's size are known but not the value: then the found value is empty. */
  findSize(space: number, tokenHigh: number, tokenLow: number, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    const slot = this.#slotOf(space, tokenHigh, tokenLow, key, keyStart, keyEnd);
    if (slot < 0) return false;
    const place = (this.#slots[slot * 2 + 1] as number) - 1;
    const segment = place >>> segmentShift;
    const words = this.#words[segment] as Uint32Array;
    const word = (place & segmentUnitMask) * 2;
    const flags = words[word + 4] as number;
    if ((flags & referencedFlag) === 0) words[word + 4] = flags | referencedFlag;
    this.foundVersion = (words[word + 3] as number) + (flags & versionHighMask) * 2 ** 32;
    this.foundAbsent = (flags & absentFlag) !== 0;
    this.foundBytes = this.#bytes[segment] as Buffer;
    this.foundValueBytes = words[word + 5] as number;
    this.foundValueStart = word * 4 + headerBytes + ((flags >>> keyBytesShift) & keyBytesMask);
    this.foundValueEnd = this.foundValueStart + ((flags & withoutValueFlag) === 0 ? this.foundValueBytes : 0);
    return true;
  }

  /**
   * A number of the record that `find` would look at first: the table and the record come into the processor's cache, and a caller that
   * does so for many keys in a short loop waits for the memory of several of them at once.
   */
  peek(space: number, tokenLow: number): number {
    const slot = tagOf(space, tokenLow) & this.#mask;
    const place = (this.#slots[slot * 2 + 1] as number) - 1;
    if (place < 0) return 0;
    return (this.#words[place >>> segmentShift] as Uint32Array)[(place & segmentUnitMask) * 2 + headerWords - 1] as number;
  }

  /** Remembers an entry; the bytes are copied. `version` 0: remembers that there is none. */
  set(
    space: number,
    tokenHigh: number,
    tokenLow: number,
    version: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    const keyBytes = keyEnd - keyStart;
    const valueBytes = valueEnd - valueStart;
    const recordBytes = roundedUp(headerBytes + keyBytes + valueBytes);
    let slot = this.#slotOf(space, tokenHigh, tokenLow, key, keyStart, keyEnd);
    if (recordBytes > recordMaxBytes) {
      if (slot >= 0) this.#removeSlot(slot);
      return;
    }
    if (slot >= 0 && version !== 0 && this.#overwrite(slot, version, value, valueStart, valueEnd)) return;
    // Making room may move or drop records.
    if (this.#makeRoom(recordBytes)) slot = this.#slotOf(space, tokenHigh, tokenLow, key, keyStart, keyEnd);
    const place = this.#head * segmentUnits + this.#headOffset / 8;
    const words = this.#words[this.#head] as Uint32Array;
    const bytes = this.#bytes[this.#head] as Buffer;
    const word = this.#headOffset / 4;
    words[word] = space;
    words[word + 1] = tokenHigh;
    words[word + 2] = tokenLow;
    words[word + 3] = version % 2 ** 32;
    words[word + 4] = (Math.floor(version / 2 ** 32) & versionHighMask) | (keyBytes << keyBytesShift) | (version === 0 ? absentFlag : 0);
    words[word + 5] = valueBytes;
    copyBytes(key, keyStart, keyEnd, bytes, this.#headOffset + headerBytes);
    copyBytes(value, valueStart, valueEnd, bytes, this.#headOffset + headerBytes + keyBytes);
    this.#headOffset += recordBytes;
    if (slot >= 0) this.#slots[slot * 2 + 1] = place + 1;
    else this.#insert(tagOf(space, tokenLow), place);
  }

  /** Puts a value of the same size into the record's place, which then counts as read; false where it has another, or none. */
  #overwrite(slot: number, version: number, value: Uint8Array, valueStart: number, valueEnd: number): boolean {
    const place = (this.#slots[slot * 2 + 1] as number) - 1;
    const words = this.#words[place >>> segmentShift] as Uint32Array;
    const word = (place & segmentUnitMask) * 2;
    const flags = words[word + 4] as number;
    if ((flags & (absentFlag | withoutValueFlag)) !== 0 || words[word + 5] !== valueEnd - valueStart) return false;
    words[word + 3] = version % 2 ** 32;
    words[word + 4] = (Math.floor(version / 2 ** 32) & versionHighMask) | (flags & ~versionHighMask) | referencedFlag;
    const offset = word * 4 + headerBytes + ((flags >>> keyBytesShift) & keyBytesMask);
    copyBytes(value, valueStart, valueEnd, this.#bytes[place >>> segmentShift] as Buffer, offset);
    return true;
  }

  #slotOf(space: number, tokenHigh: number, tokenLow: number, key: Uint8Array, keyStart: number, keyEnd: number): number {
    const tag = tagOf(space, tokenLow);
    const mask = this.#mask;
    for (let slot = tag & mask; ; slot = (slot + 1) & mask) {
      const place = this.#slots[slot * 2 + 1] as number;
      if (place === 0) return -1;
      if (this.#slots[slot * 2] === tag && this.#isAt(place - 1, space, tokenHigh, tokenLow, key, keyStart, keyEnd)) return slot;
    }
  }

  #isAt(place: number, space: number, tokenHigh: number, tokenLow: number, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    const segment = place >>> segmentShift;
    const words = this.#words[segment] as Uint32Array;
    const word = (place & segmentUnitMask) * 2;
    if (words[word] !== space || words[word + 1] !== tokenHigh || words[word + 2] !== tokenLow) return false;
    if ((((words[word + 4] as number) >>> keyBytesShift) & keyBytesMask) !== keyEnd - keyStart) return false;
    const bytes = this.#bytes[segment] as Buffer;
    let offset = word * 4 + headerBytes;
    for (let i = keyStart; i < keyEnd; i++) if (bytes[offset++] !== key[i]) return false;
    return true;
  }

  #insert(tag: number, place: number): void {
    let slot = tag & this.#mask;
    while (this.#slots[slot * 2 + 1] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot * 2] = tag;
    this.#slots[slot * 2 + 1] = place + 1;
    this.entries++;
  }

  #removeSlot(slot: number): void {
    removeSlot(this.#slots, slot);
    this.entries--;
  }

  /** Afterwards the head segment has room for the record and the table for one more. Returns whether slots may have changed. */
  #makeRoom(recordBytes: number): boolean {
    if (this.#words.length === 0) this.#addSegment();
    const hasRoom = this.#headOffset + recordBytes <= segmentBytes;
    const slots = this.#mask + 1;
    const mayGrow = slots < this.#slotsMost;
    if (hasRoom && this.entries < slots * tableFillPreparing) return false;
    if (mayGrow && this.entries >= slots * tableFillPreparing) this.#next.prepare(slots * 2);
    const isFull = this.entries >= slots * (mayGrow ? tableFillGrowing : tableFillMost);
    // The table's memory is taken from the segments, one at a time.
    const isOver = this.#words.length > this.#segmentsMost;
    if (hasRoom && !isFull && !isOver) return false;
    if (isFull && mayGrow) this.#growTable();
    if (isOver) this.#dropLastSegment();
    while (this.#headOffset + recordBytes > segmentBytes) this.#openNextSegment();
    while (this.entries >= (this.#mask + 1) * tableFillMost) this.#openNextSegment();
    return true;
  }

  get #segmentsMost(): number {
    return Math.min(segmentsMost, Math.max(2, Math.floor((this.#budgetBytes - this.#tableBytes) / segmentBytes)));
  }

  /** Twice the slots. */
  #growTable(): void {
    const before = this.#slots;
    this.#slots = this.#next.take((this.#mask + 1) * 2);
    this.#mask = this.#slots.length / 2 - 1;
    moveSlots(before, this.#slots);
  }

  #dropLastSegment(): void {
    const last = this.#words.length - 1;
    this.#endSegment();
    this.#eachLive(last, (slot) => this.#removeSlot(slot));
    this.#words.pop();
    this.#bytes.pop();
    if (this.#head !== last) return;
    this.#head = 0;
    this.#compactHead();
  }

  #openNextSegment(): void {
    this.#endSegment();
    if (this.#words.length < this.#segmentsMost) {
      this.#head = this.#words.length;
      this.#addSegment();
      this.#headOffset = 0;
    } else {
      this.#head = (this.#head + 1) % this.#words.length;
      this.#compactHead();
    }
  }

  #addSegment(): void {
    // Not filled with zeros first: what is read of a segment was written.
    const memory = Buffer.allocUnsafeSlow(segmentBytes).buffer;
    this.#words.push(new Uint32Array(memory));
    this.#bytes.push(Buffer.from(memory));
  }

  /** Marks where the records of the head segment end: a record without a key cannot be. */
  #endSegment(): void {
    if (this.#headOffset + headerBytes <= segmentBytes)
      (this.#words[this.#head] as Uint32Array).fill(0, this.#headOffset / 4, this.#headOffset / 4 + headerWords);
  }

  /**
   * Empties the oldest segment, which becomes the head. Records that were read move to its front, at most half of the segment,
   * so that there is always progress; of the others what is small moves there or nothing.
   */
  #compactHead(): void {
    let kept = 0;
    this.#eachLive(this.#head, (slot, offset, recordBytes) => (kept += this.#keepOrRemove(slot, offset, kept, recordBytes)));
    this.#headOffset = kept;
  }

  /** Visits the records of a segment that the table names. */
  #eachLive(segment: number, visit: (slot: number, offset: number, recordBytes: number) => void): void {
    const words = this.#words[segment] as Uint32Array;
    for (let offset = 0, recordBytes; offset + headerBytes <= segmentBytes; offset += recordBytes) {
      recordBytes = recordBytesAt(words, offset / 4);
      if (recordBytes === 0) return;
      const slot = this.#slotAt(words, offset / 4, segment * segmentUnits + offset / 8);
      if (slot >= 0) visit(slot, offset, recordBytes);
    }
  }

  /** Moves a live record of the head segment from `offset` to `kept`, whole or without its value, or forgets it. Returns the bytes kept. */
  #keepOrRemove(slot: number, offset: number, kept: number, recordBytes: number): number {
    const words = this.#words[this.#head] as Uint32Array;
    const word = offset / 4;
    const flags = words[word + 4] as number;
    let keptFlags = flags & ~referencedFlag;
    let keptBytes = recordBytes;
    if ((flags & referencedFlag) === 0 || kept + recordBytes > segmentBytes / 2) {
      keptFlags |= withoutValueFlag;
      keptBytes = roundedUp(headerBytes + ((flags >>> keyBytesShift) & keyBytesMask));
      const isWorthwhile = (flags & withoutValueFlag) === 0 && (words[word + 5] as number) >= droppedValueFewestBytes;
      const hasSlots = this.entries < this.#slotsMost * withoutValueFillMost;
      if (!isWorthwhile || !hasSlots || kept + keptBytes > segmentBytes / 2) {
        this.#removeSlot(slot);
        return 0;
      }
    }
    words[word + 4] = keptFlags;
    (this.#bytes[this.#head] as Buffer).copyWithin(kept, offset, offset + keptBytes);
    this.#slots[slot * 2 + 1] = this.#head * segmentUnits + kept / 8 + 1;
    return keptBytes;
  }

  /** The slot that names the record at this very place, or -1 where a newer one replaced it. */
  #slotAt(words: Uint32Array, word: number, place: number): number {
    const tag = tagOf(words[word] as number, words[word + 2] as number);
    for (let slot = tag & this.#mask; this.#slots[slot * 2 + 1] !== 0; slot = (slot + 1) & this.#mask) {
      if (this.#slots[slot * 2 + 1] === place + 1) return slot;
    }
    return -1;
  }
}

/** Of the record that begins at this word of a segment; 0: behind the last one. */
function recordBytesAt(words: Uint32Array, word: number): number {
  const flags = words[word + 4] as number;
  const keyBytes = (flags >>> keyBytesShift) & keyBytesMask;
  if (keyBytes === 0) return 0;
  return roundedUp(headerBytes + keyBytes + ((flags & withoutValueFlag) === 0 ? (words[word + 5] as number) : 0));
}

function roundedUp(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** Tokens are uniform already; the space is mixed in so that equal keys of several maps do not share a probe run. */
function tagOf(space: number, tokenLow: number): number {
  return (tokenLow ^ Math.imul(space, 0x9e3779b1)) >>> 0;
}
