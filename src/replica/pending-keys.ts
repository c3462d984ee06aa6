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
  /** Why the prior entry could not be read. */
  failure: BigMapError | undefined;
  /** Another key with the same token number. */
  next: PendingKey | undefined;

  constructor(
    readonly mapId: MapId,
    readonly tokenHigh: number,
    readonly tokenLow: number,
    readonly keys: Uint8Array,
    readonly keyStart: number,
    readonly keyEnd: number,
    /** Whose updates they are. */
    public sessionId: SessionId,
  ) {}

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

/** The pending keys of a replica, by token and key. */
export class PendingKeys {
  readonly #chains = new Map<number, PendingKey>();

  get isEmpty(): boolean {
    return this.#chains.size === 0;
  }

  find(mapId: MapId, high: number, low: number, keys: Uint8Array, start: number, end: number): PendingKey | undefined {
    let entry = this.#chains.get(tokenNumber(high, low));
    while (entry !== undefined && !isKey(entry, mapId, high, low, keys, start, end)) entry = entry.next;
    return entry;
  }

  insert(entry: PendingKey): void {
    const number = tokenNumber(entry.tokenHigh, entry.tokenLow);
    entry.next = this.#chains.get(number);
    this.#chains.set(number, entry);
  }

  /** One operation on the key is answered; the last one removes the key. */
  release(entry: PendingKey): void {
    if (--entry.count > 0) return;
    const number = tokenNumber(entry.tokenHigh, entry.tokenLow);
    let head = this.#chains.get(number);
    if (head === entry) head = entry.next;
    else
      for (let previous = head; previous !== undefined; previous = previous.next) if (previous.next === entry) previous.next = entry.next;
    if (head === undefined) this.#chains.delete(number);
    else this.#chains.set(number, head);
  }
}

function isKey(entry: PendingKey, mapId: MapId, high: number, low: number, keys: Uint8Array, start: number, end: number): boolean {
  if (entry.tokenLow !== low || entry.tokenHigh !== high || entry.mapId !== mapId || entry.keyEnd - entry.keyStart !== end - start)
    return false;
  for (let i = start, j = entry.keyStart; i < end; i++, j++) if (keys[i] !== entry.keys[j]) return false;
  return true;
}
