import { equalTokens } from "../ring/hash-range.js";
import { Ring } from "../ring/ring.js";
import { compareTokens } from "../ring/token.js";
import type { CanisterRecord } from "./records.js";

/** A decoded record and the revision of the transaction that wrote it. */
export interface Revised<R> {
  readonly record: R;
  readonly revision: number;
}

/**
 * The ring that the canister records of one map make, in any order; its version is the largest revision among them.
 * Errors: INTERNAL where their ranges do not cover the token space exactly once.
 */
export function ringOf(canisters: readonly Revised<CanisterRecord>[]): Ring {
  return new Ring(newestRevision(canisters, 0), inRingOrder(canisters));
}

/** Canisters of one map that one revision wrote, and how many of them there were before it. */
export interface RingChange {
  readonly written: readonly Revised<CanisterRecord>[];
  readonly knownBefore: number;
}

/**
 * `ring` after the change, without a look at the other canisters, where that is enough: the canisters written, without a gap between
 * them, cover the very ranges that those of them had that were there before. So it is after a split. Undefined where it is otherwise.
 */
export function ringAfter(ring: Ring, { written, knownBefore }: RingChange): Ring | undefined {
  const entries = inRingOrder(written);
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) return ring;
  const places = ring.placesOf({ start: first.range.start, end: last.range.end });
  if (places === undefined || places.to - places.from !== knownBefore) return undefined;
  const canisterIds = new Set(entries.map(({ canisterId }) => canisterId));
  for (let place = places.from; place < places.to; place++) if (!canisterIds.has(ring.canisterIdAt(place))) return undefined;
  if (!entries.every(({ range }, i) => equalTokens(range.start, entries[i - 1]?.range.end ?? range.start))) return undefined;
  return ring.withEntries(newestRevision(written, ring.version), entries);
}

function inRingOrder(canisters: readonly Revised<CanisterRecord>[]): CanisterRecord[] {
  return canisters.map(({ record }) => record).sort((left, right) => compareTokens(left.range.start, right.range.start));
}

function newestRevision(canisters: readonly Revised<CanisterRecord>[], atLeast: number): number {
  return canisters.reduce((newest, { revision }) => Math.max(newest, revision), atLeast);
}
