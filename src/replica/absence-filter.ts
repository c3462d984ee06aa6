import { assert } from "../base/errors.js";
import type { MapId } from "../base/ids.js";

/** A block is 512 bits that lie together: a look-up waits for memory once. */
const blockWords = 16;
const bitsPerKey = 6;
/** With fewer bits for each entry "maybe" is said too often to be worth a pass over the store: here to one absent key in eight. */
const bitsPerEntryFewest = 5;
/** 2^32 divided by the golden ratio: a multiplication by it carries every bit of a number into its highest ones. */
const goldenMultiplier = 0x9e3779b9;
const mapMultiplier = 0x85ebca6b;

/**
 * Says of a key "certainly not stored" or "maybe": the first put of a new key, and a get of a missing one, need no look-up in the storage
 * engine. A blocked Bloom filter (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom Filters", WEA 2007) of fixed size over
 * map and token. As it fills it says "maybe" more often, and is never wrong; nothing is ever taken out. HOT.
 *
 * It says nothing but "maybe" until it is complete: every entry of the storage engine is in it, or its key is among the pending ones. From
 * then on that is kept by `Commit.addPut`, which makes the row of every put, and adds the key where there was no entry before.
 */
export class AbsenceFilter {
  #words: Int32Array;
  #blockMask: number;
  #isComplete = false;
  #isGivenUp = false;

  /** `sizeBytes`: a power of two, from 64. */
  constructor(sizeBytes: number) {
    assert(sizeBytes >= blockWords * 4 && Number.isInteger(Math.log2(sizeBytes)), "the filter's size is a power of two");
    this.#words = new Int32Array(sizeBytes / 4);
    this.#blockMask = this.#words.length / blockWords - 1;
  }

  get sizeBytes(): number {
    return this.#words.byteLength;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** With more entries than this it is not worth filling. */
  get usefulEntriesMost(): number {
    return Math.floor((this.#words.length * 32) / bitsPerEntryFewest);
  }

  /** Call when every stored entry was added. */
  complete(): void {
    assert(!this.#isGivenUp, "a filter that was given up never knows all entries");
    this.#isComplete = true;
  }

  /** It will never be complete: lets go of its memory, and goes on saying "maybe". */
  giveUp(): void {
    this.#isComplete = false;
    this.#isGivenUp = true;
    // One block, so that adding needs no question of its own.
    this.#words = new Int32Array(blockWords);
    this.#blockMask = 0;
  }

  add(mapId: MapId, tokenHigh: number, tokenLow: number): void {
    const words = this.#words;
    const first = firstWord(mapId, tokenLow, this.#blockMask);
    let hash = tokenHigh ^ Math.imul(mapId, mapMultiplier);
    for (let i = 0; i < bitsPerKey; i++) {
      hash = Math.imul(hash, goldenMultiplier);
      const word = first + (hash >>> 28);
      words[word] = (words[word] as number) | (1 << ((hash >>> 23) & 31));
    }
  }

  /** True: there is certainly no entry of this token, except where its key is pending. False: there may be one. */
  isAbsent(mapId: MapId, tokenHigh: number, tokenLow: number): boolean {
    if (!this.#isComplete) return false;
    const words = this.#words;
    const first = firstWord(mapId, tokenLow, this.#blockMask);
    let hash = tokenHigh ^ Math.imul(mapId, mapMultiplier);
    for (let i = 0; i < bitsPerKey; i++) {
      hash = Math.imul(hash, goldenMultiplier);
      if (((words[first + (hash >>> 28)] as number) & (1 << ((hash >>> 23) & 31))) === 0) return true;
    }
    return false;
  }
}

/**
 * Of the block in which a token's bits lie. The low half of a token is uniform also where a replica holds a part of the token space; the
 * map is mixed in so that equal keys of several maps do not share their block.
 */
function firstWord(mapId: MapId, tokenLow: number, blockMask: number): number {
  return ((tokenLow ^ Math.imul(mapId, goldenMultiplier)) & blockMask) * blockWords;
}
