import { BigMapError } from "../base/errors.js";
import type { CanisterId, ReplicaId } from "../base/ids.js";
import { formatRange, tokenSpaceEnd, type HashRange } from "./hash-range.js";
import { formatToken, type Token } from "./token.js";

/** One hash range of a ring and who owns it. */
export interface RingEntry {
  readonly range: HashRange;
  readonly canisterId: CanisterId;
  readonly replicaId: ReplicaId;
}

/**
 * The ranges of a ring as packed columns, 20 B a range: range i begins at start i and ends where the next one begins, the last one at
 * the end of the token space; its replica is `replicaIds[replicaIndexes[i]]`. Never changed once a ring has them.
 */
export interface RingColumns {
  readonly startHigh: Uint32Array;
  readonly startLow: Uint32Array;
  readonly canisterIds: Float64Array;
  readonly replicaIndexes: Uint32Array;
  readonly replicaIds: readonly ReplicaId[];
}

/** `entries` in ring order. Errors: INTERNAL where they do not cover the token space exactly once. */
export function columnsOf(entries: readonly RingEntry[]): RingColumns {
  assertGapFree(entries, { high: 0, low: 0 }, tokenSpaceEnd);
  const replicaIds = [...new Set(entries.map((entry) => entry.replicaId))];
  const places = new Map(replicaIds.map((replicaId, i) => [replicaId, i]));
  return {
    startHigh: Uint32Array.from(entries, (entry) => entry.range.start.high),
    startLow: Uint32Array.from(entries, (entry) => entry.range.start.low),
    canisterIds: Float64Array.from(entries, (entry) => entry.canisterId),
    replicaIndexes: Uint32Array.from(entries, (entry) => places.get(entry.replicaId) ?? 0),
    replicaIds,
  };
}

/** Errors: INTERNAL where the starts do not rise from 0, the columns differ in length, or a replica has no name. */
export function assertColumns(columns: RingColumns): void {
  const { startHigh, startLow, canisterIds, replicaIndexes, replicaIds } = columns;
  const size = startHigh.length;
  if (startLow.length !== size || canisterIds.length !== size || replicaIndexes.length !== size) {
    throw new BigMapError("INTERNAL", "The columns of the ring have different lengths");
  }
  if (startHigh[0] !== 0 || startLow[0] !== 0) throw new BigMapError("INTERNAL", "The ring does not begin at the first token");
  let before = 0;
  for (let i = 1; i < size; i++) {
    const high = startHigh[i] as number;
    if (high < before || (high === before && (startLow[i] as number) <= (startLow[i - 1] as number))) throw disordered(columns, i);
    before = high;
  }
  const replicas = replicaIds.length;
  for (let i = 0; i < size; i++) if ((replicaIndexes[i] as number) >= replicas) throw new BigMapError("INTERNAL", "A range has no replica");
}

function disordered(columns: RingColumns, place: number): BigMapError {
  return new BigMapError("INTERNAL", `The ranges of the ring are not in order at token ${formatToken(startAt(columns, place))}`);
}

/**
 * A copy in which `entries` stand in place of the ranges [from, to), which they cover together. Whole columns are copied, so that it
 * costs a few nanoseconds a range. Errors: INTERNAL where the entries have a gap or an overlap, or cover something else.
 */
export function replaceRanges(columns: RingColumns, from: number, to: number, entries: readonly RingEntry[]): RingColumns {
  assertGapFree(entries, startAt(columns, from), startAt(columns, to));
  const replicaIds = [...new Set([...columns.replicaIds, ...entries.map((entry) => entry.replicaId)])];
  const places = new Map(replicaIds.map((replicaId, i) => [replicaId, i]));
  const { startHigh, startLow, canisterIds, replicaIndexes } = columns;
  const size = startHigh.length - (to - from) + entries.length;
  const replaced: RingColumns = {
    startHigh: new Uint32Array(size),
    startLow: new Uint32Array(size),
    canisterIds: new Float64Array(size),
    replicaIndexes: new Uint32Array(size),
    replicaIds,
  };
  copyAround(startHigh, replaced.startHigh, from, to);
  copyAround(startLow, replaced.startLow, from, to);
  copyAround(canisterIds, replaced.canisterIds, from, to);
  copyAround(replicaIndexes, replaced.replicaIndexes, from, to);
  entries.forEach(({ range, canisterId, replicaId }, i) => {
    replaced.startHigh[from + i] = range.start.high;
    replaced.startLow[from + i] = range.start.low;
    replaced.canisterIds[from + i] = canisterId;
    replaced.replicaIndexes[from + i] = places.get(replicaId) ?? 0;
  });
  // As it mostly is: what belonged to one replica still does.
  const before = replicaIndexes[from] as number;
  if (haveReplica(replicaIndexes, from, to, before) && haveReplica(replaced.replicaIndexes, from, from + entries.length, before))
    return replaced;
  return { ...replaced, replicaIds: orderByAppearance(replaced.replicaIndexes, replicaIds) };
}

/** The end of the token space where the place is behind the last range. */
export function startAt({ startHigh, startLow }: RingColumns, place: number): Token {
  return place < startHigh.length ? { high: startHigh[place] as number, low: startLow[place] as number } : tokenSpaceEnd;
}

/** Copies what lies before `from` to the front and what lies from `to` on to the back. */
function copyAround<A extends Uint32Array | Float64Array>(source: A, target: A, from: number, to: number): void {
  target.set(source.subarray(0, from));
  target.set(source.subarray(to), target.length - (source.length - to));
}

function haveReplica(replicaIndexes: Uint32Array, from: number, to: number, index: number): boolean {
  for (let i = from; i < to; i++) if (replicaIndexes[i] !== index) return false;
  return true;
}

/** Numbers the replicas in the order in which the ring has them, and returns those that it has. */
function orderByAppearance(replicaIndexes: Uint32Array, replicaIds: readonly ReplicaId[]): ReplicaId[] {
  const order = new Int32Array(replicaIds.length).fill(-1);
  const found: ReplicaId[] = [];
  for (let i = 0; i < replicaIndexes.length; i++) {
    const index = replicaIndexes[i] as number;
    if (order[index] === -1) order[index] = found.push(replicaIds[index] as ReplicaId) - 1;
    replicaIndexes[i] = order[index] as number;
  }
  return found;
}

function assertGapFree(entries: readonly RingEntry[], start: Token, end: Token): void {
  let expected = start;
  for (const { range } of entries) {
    const gapFree = range.start.high === expected.high && range.start.low === expected.low;
    const forward = range.end.high > range.start.high || (range.end.high === range.start.high && range.end.low > range.start.low);
    if (!gapFree || !forward) throw new BigMapError("INTERNAL", `The ring has a gap or an overlap at ${formatRange(range)}`);
    expected = range.end;
  }
  if (expected.high === end.high && expected.low === end.low) return;
  const whole = end.high === tokenSpaceEnd.high ? "the end of the token space" : `token ${formatToken(end)}`;
  throw new BigMapError("INTERNAL", `The ring does not reach ${whole}`);
}
