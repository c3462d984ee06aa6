import { BigMapError } from "../base/errors.js";
import type { CanisterId, ReplicaId } from "../base/ids.js";
import { formatRange, tokenSpaceEnd, type HashRange } from "./hash-range.js";
import type { Token } from "./token.js";

/** One hash range of a ring and who owns it. */
export interface RingEntry {
  readonly range: HashRange;
  readonly canisterId: CanisterId;
  readonly replicaId: ReplicaId;
}

/**
 * An immutable, versioned partition of the token space into hash ranges, sorted and gap-free, in packed typed arrays:
 * 20 B a range and the replica's name once. Look-up is a binary search. HOT: `indexOf`.
 */
export class Ring {
  /** Grows with every change of the map's ring. */
  readonly version: number;
  readonly size: number;
  readonly replicaIds: readonly ReplicaId[];
  readonly #startHigh: Uint32Array;
  readonly #startLow: Uint32Array;
  readonly #canisterIds: Float64Array;
  readonly #replicaIndexes: Uint32Array;

  /** `entries` in ring order. Errors: INTERNAL where they do not cover the token space exactly once. */
  constructor(version: number, entries: readonly RingEntry[]) {
    assertPartition(entries);
    this.version = version;
    this.size = entries.length;
    this.#startHigh = Uint32Array.from(entries, (entry) => entry.range.start.high);
    this.#startLow = Uint32Array.from(entries, (entry) => entry.range.start.low);
    this.#canisterIds = Float64Array.from(entries, (entry) => entry.canisterId);
    this.replicaIds = [...new Set(entries.map((entry) => entry.replicaId))];
    const places = new Map(this.replicaIds.map((replicaId, i) => [replicaId, i]));
    this.#replicaIndexes = Uint32Array.from(entries, (entry) => places.get(entry.replicaId) ?? 0);
  }

  /** Place of the range that contains the token. */
  indexOf(high: number, low: number): number {
    const startHigh = this.#startHigh;
    let left = 0;
    let right = startHigh.length;
    while (right - left > 1) {
      const middle = (left + right) >>> 1;
      const pivot = startHigh[middle] as number;
      if (pivot < high || (pivot === high && (this.#startLow[middle] as number) <= low)) left = middle;
      else right = middle;
    }
    return left;
  }

  canisterIdAt(index: number): CanisterId {
    return this.#canisterIds[index] as number;
  }

  /** Place of the range's replica in `replicaIds`. */
  replicaIndexAt(index: number): number {
    return this.#replicaIndexes[index] as number;
  }

  rangeAt(index: number): HashRange {
    return { start: this.#startAt(index), end: index + 1 < this.size ? this.#startAt(index + 1) : tokenSpaceEnd };
  }

  entryAt(index: number): RingEntry {
    const replicaId = this.replicaIds[this.replicaIndexAt(index)] ?? "";
    return { range: this.rangeAt(index), canisterId: this.canisterIdAt(index), replicaId };
  }

  entries(): RingEntry[] {
    return Array.from({ length: this.size }, (_, i) => this.entryAt(i));
  }

  #startAt(index: number): Token {
    return { high: this.#startHigh[index] as number, low: this.#startLow[index] as number };
  }
}

function assertPartition(entries: readonly RingEntry[]): void {
  let expected: Token = { high: 0, low: 0 };
  for (const { range } of entries) {
    const gapFree = range.start.high === expected.high && range.start.low === expected.low;
    const forward = range.end.high > range.start.high || (range.end.high === range.start.high && range.end.low > range.start.low);
    if (!gapFree || !forward) throw new BigMapError("INTERNAL", `The ring has a gap or an overlap at ${formatRange(range)}`);
    expected = range.end;
  }
  if (expected.high !== tokenSpaceEnd.high || expected.low !== tokenSpaceEnd.low) {
    throw new BigMapError("INTERNAL", "The ring does not reach the end of the token space");
  }
}
