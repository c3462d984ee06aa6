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
  const records = canisters.map(({ record }) => record).sort((left, right) => compareTokens(left.range.start, right.range.start));
  const version = canisters.reduce((largest, { revision }) => Math.max(largest, revision), 0);
  return new Ring(version, records);
}
