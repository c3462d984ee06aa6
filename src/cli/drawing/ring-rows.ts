import { rangeShare, type HashRange } from "../../ring/hash-range.js";
import type { CanisterStatus } from "../../ring/topology.js";

/** One row of the drawing: one canister, or a run of neighbours on the ring. */
export interface RingRow {
  readonly range: HashRange;
  readonly canisters: readonly CanisterStatus[];
  readonly share: number;
  readonly entries: number;
  readonly bytes: number;
  /** Of the fullest canister of the row, so that a row never hides one that is about to be cut. */
  readonly fill: number;
}

/** How full a canister is, of its cap. */
export function fillOf(canister: CanisterStatus): number {
  return canister.capBytes === 0 ? 0 : canister.bytes / canister.capBytes;
}

/** Canisters in ring order. */
export function inRingOrder(canisters: readonly CanisterStatus[]): CanisterStatus[] {
  return [...canisters].sort((a, b) => a.range.start.high - b.range.start.high || a.range.start.low - b.range.start.low);
}

/** At most `maxRows` rows; neighbours share a row where there are more canisters than that. */
export function ringRows(canisters: readonly CanisterStatus[], maxRows: number): RingRow[] {
  const rows = Math.min(canisters.length, Math.max(1, maxRows));
  return Array.from({ length: rows }, (_, row) => {
    const first = Math.floor((row * canisters.length) / rows);
    const next = Math.floor(((row + 1) * canisters.length) / rows);
    return rowOf(canisters.slice(first, next));
  });
}

function rowOf(canisters: readonly CanisterStatus[]): RingRow {
  const first = canisters[0] as CanisterStatus;
  const last = canisters[canisters.length - 1] as CanisterStatus;
  const sum = (read: (canister: CanisterStatus) => number): number => canisters.reduce((total, canister) => total + read(canister), 0);
  return {
    range: { start: first.range.start, end: last.range.end },
    canisters,
    share: sum((canister) => rangeShare(canister.range)),
    entries: sum((canister) => canister.entries),
    bytes: sum((canister) => canister.bytes),
    fill: canisters.reduce((most, canister) => Math.max(most, fillOf(canister)), 0),
  };
}
