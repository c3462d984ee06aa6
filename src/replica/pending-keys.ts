import type { BigMapError } from "../base/errors.js";
import type { MapId, SessionId } from "../base/ids.js";

/**
 * A key with updates that were accepted and are not durable yet. It knows what the key will hold once all that is decided
 * so far is durable, so that the next update can be decided without waiting. HOT: one object per key under way.
 */
export class PendingKey {
  /** Accepted operations on this key that are not answered. */
  count = 0;
  /** Whether `version`, `entryBytes` and the value are known. */
  isKnown = false;
  /** 0: no entry. */
  version = 0;
  /** What the entry counts in the accounting. */
  entryBytes = 0;
  /** Where the value lies; undefined: not at hand. */
  value: Uint8Array | undefined;
  valueStart = 0;
  valueEnd = 0;
  /** A put was decided where there was no entry: the absence filter may not have the key yet. */
  isNew = false;
  /** The commit that wrote the key last, which of its results that is, and where in its rows the value lies; -1 bytes: a delete. */
  writtenBy = 0;
  writtenAs = 0;
  rowOffset = 0;
  rowValueBytes = 0;
  /** A query is behind the updates: from now on look-ups of the prior entry read its value too. */
  wantsValue = false;
  /** Why the prior entry could not be read. */
  failure: BigMapError | undefined;
  /** Another key in the same slot of the table. */
  next: PendingKey | undefined;
  /** The token's halves as signed numbers: those V8 keeps in the object itself, larger ones in an object each. */
  readonly signedHigh: number;
  readonly signedLow: number;

  constructor(
    readonly mapId: MapId,
    tokenHigh: number,
    tokenLow: number,
    readonly keys: Uint8Array,
    readonly keyStart: number,
    readonly keyEnd: number,
    /** Whose updates they are. */
    public sessionId: SessionId,
  ) {
    this.signedHigh = tokenHigh | 0;
    this.signedLow = tokenLow | 0;
  }

  get tokenHigh(): number {
    return this.signedHigh >>> 0;
  }

  get tokenLow(): number {
    return this.signedLow >>> 0;
  }

  /** Whether a query can be answered from here. */
  get hasValue(): boolean {
    return this.isKnown && (this.version === 0 || this.value !== undefined);
  }

  setAbsent(): void {
    this.isKnown = true;
    this.version = 0;
    this.entryBytes = 0;
    this.value = undefined;
  }

  /** The entry is there; its value is not at hand. */
  setSize(version: number, entryBytes: number): void {
    this.setValue(version, entryBytes, undefined, 0, 0);
  }

  setValue(version: number, entryBytes: number, value: Uint8Array | undefined, start: number, end: number): void {
    this.isKnown = true;
    this.version = version;
    this.entryBytes = entryBytes;
    this.value = value;
    this.valueStart = start;
    this.valueEnd = end;
  }
}

/** A token as one number, exact enough to be a hash key: its upper 53 bits. */
export function tokenNumber(high: number, low: number): number {
  return high * 2 ** 21 + (low >>> 11);
}

const slotsAtFirst = 1024;

/** The pending keys of a replica: a hash table of chains, as a Map of numbers this large would put each into an object. HOT. */
export class PendingKeys {
  #heads = new Array<PendingKey | undefined>(slotsAtFirst).fill(undefined);
  #mask = slotsAtFirst - 1;
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  find(mapId: MapId, high: number, low: number, keys: Uint8Array, start: number, end: number): PendingKey | undefined {
    let entry = this.#heads[low & this.#mask];
    while (entry !== undefined && !isKey(entry, mapId, high, low, keys, start, end)) entry = entry.next;
    return entry;
  }

  insert(entry: PendingKey): void {
    if (this.#count > this.#mask) this.#grow();
    this.#count++;
    this.#link(entry);
  }

  /** One operation on the key is answered; the last one removes the key. */
  release(entry: PendingKey): void {
    if (--entry.count > 0) return;
    this.#count--;
    const slot = entry.signedLow & this.#mask;
    let previous = this.#heads[slot] as PendingKey;
    if (previous === entry) {
      this.#heads[slot] = entry.next;
      return;
    }
    while (previous.next !== entry) previous = previous.next as PendingKey;
    previous.next = entry.next;
  }

  #link(entry: PendingKey): void {
    const slot = entry.signedLow & this.#mask;
    entry.next = this.#heads[slot];
    this.#heads[slot] = entry;
  }

  #grow(): void {
    const heads = this.#heads;
    this.#heads = new Array<PendingKey | undefined>(heads.length * 2).fill(undefined);
    this.#mask = this.#heads.length - 1;
    for (const head of heads) {
      for (let entry = head, next; entry !== undefined; entry = next) {
        next = entry.next;
        this.#link(entry);
      }
    }
  }
}

function isKey(entry: PendingKey, mapId: MapId, high: number, low: number, keys: Uint8Array, start: number, end: number): boolean {
  if (entry.signedLow !== (low | 0) || entry.signedHigh !== (high | 0) || entry.mapId !== mapId) return false;
  if (entry.keyEnd - entry.keyStart !== end - start) return false;
  for (let i = start, j = entry.keyStart; i < end; i++, j++) if (keys[i] !== entry.keys[j]) return false;
  return true;
}
