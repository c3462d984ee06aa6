import { BigMapError } from "../base/errors.js";
import type { CanisterId, ReplicaId } from "../base/ids.js";
import { equalTokens, formatRange, rangeContains, tokenSpaceEnd, type HashRange } from "./hash-range.js";
import { assertColumns, columnsOf, replaceRanges, startAt, type RingColumns, type RingEntry } from "./ring-columns.js";
import type { Token } from "./token.js";
import { tokenSlots } from "./token-slots.js";

export type { RingColumns, RingEntry } from "./ring-columns.js";

/**
 * An immutable, versioned partition of the token space into hash ranges, sorted and gap-free, in packed typed arrays: 24 to 28 B a
 * range and the replica's name once. Look-up is a step into a table by the token's high bits and a binary search among the ranges that
 * begin there: one or two for even ranges, and never more steps than a search of all. HOT: `indexOf`.
 */
export class Ring {
  /** Grows with every change of the map's ring. */
  readonly version: number;
  readonly size: number;
  readonly #columns: RingColumns;
  readonly #startHigh: Uint32Array;
  readonly #startLow: Uint32Array;
  /** See `tokenSlots`. */
  readonly #slots: Uint32Array;
  readonly #slotShift: number;

  /** Entries in ring order, or columns, which are taken over. Errors: INTERNAL where they do not cover the token space exactly once. */
  constructor(version: number, ranges: readonly RingEntry[] | RingColumns) {
    const columns = "startHigh" in ranges ? ranges : columnsOf(ranges);
    if (columns === ranges) assertColumns(columns);
    this.version = version;
    this.size = columns.startHigh.length;
    this.#columns = columns;
    this.#startHigh = columns.startHigh;
    this.#startLow = columns.startLow;
    const { slots, shift } = tokenSlots(columns.startHigh);
    this.#slots = slots;
    this.#slotShift = shift;
  }

  /** In the order in which the ring first names them. */
  get replicaIds(): readonly ReplicaId[] {
    return this.#columns.replicaIds;
  }

  /** Place of the range that contains the token. */
  indexOf(high: number, low: number): number {
    const startHigh = this.#startHigh;
    const slot = high >>> this.#slotShift;
    // What begins before this slot begins before the token; what begins behind it, behind the token.
    let left = (this.#slots[slot] as number) - 1;
    let right = this.#slots[slot + 1] as number;
    while (right - left > 1) {
      const middle = (left + right) >>> 1;
      const pivot = startHigh[middle] as number;
      if (pivot < high || (pivot === high && (this.#startLow[middle] as number) <= low)) left = middle;
      else right = middle;
    }
    return left;
  }

  canisterIdAt(index: number): CanisterId {
    return this.#columns.canisterIds[index] as number;
  }

  /** Place of the range's replica in `replicaIds`. */
  replicaIndexAt(index: number): number {
    return this.#columns.replicaIndexes[index] as number;
  }

  /** Whether the range at this place begins within `range`; makes no object. */
  beginsIn(index: number, range: HashRange): boolean {
    return rangeContains(range, this.#startHigh[index] as number, this.#startLow[index] as number);
  }

  rangeAt(index: number): HashRange {
    return { start: startAt(this.#columns, index), end: startAt(this.#columns, index + 1) };
  }

  entryAt(index: number): RingEntry {
    const replicaId = this.replicaIds[this.replicaIndexAt(index)] ?? "";
    return { range: this.rangeAt(index), canisterId: this.canisterIdAt(index), replicaId };
  }

  entries(): RingEntry[] {
    return Array.from({ length: this.size }, (_, i) => this.entryAt(i));
  }

  /** Places [from, to) of the ranges that make up `range`; undefined where it does not begin and end where ranges of the ring do. */
  placesOf(range: HashRange): { readonly from: number; readonly to: number } | undefined {
    const from = this.#placeAt(range.start);
    const to = this.#placeAt(range.end);
    return from === undefined || to === undefined || from >= to ? undefined : { from, to };
  }

  /**
   * The ring in which `entries`, in ring order and without a gap, stand in place of the ranges that they cover together: after a split,
   * say. The columns are copied as wholes, without an object for each range. Errors: INTERNAL where the entries do not begin and end
   * where ranges of this ring do, or are none.
   */
  withEntries(version: number, entries: readonly RingEntry[]): Ring {
    const range = { start: entries[0]?.range.start ?? tokenSpaceEnd, end: entries.at(-1)?.range.end ?? tokenSpaceEnd };
    const places = this.placesOf(range);
    if (places === undefined) throw new BigMapError("INTERNAL", `${formatRange(range)} is not made of whole ranges of the ring`);
    return new Ring(version, replaceRanges(this.#columns, places.from, places.to, entries));
  }

  /** Place of the range that begins at the token; at the end of the token space `size`. */
  #placeAt(token: Token): number | undefined {
    if (token.high === tokenSpaceEnd.high) return this.size;
    const place = this.indexOf(token.high, token.low);
    return equalTokens(startAt(this.#columns, place), token) ? place : undefined;
  }
}
