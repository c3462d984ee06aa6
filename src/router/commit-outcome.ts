import { BigMapError } from "../base/errors.js";
import type { MetaStore, MetaTransaction } from "../meta/meta-store.js";

/** "unknown": applied, not applied, or still to be applied; only a later read or compare-and-set can tell. */
export type CommitOutcome = { readonly kind: "committed"; readonly revision: number } | { readonly kind: "lost" | "unknown" };

/** Commits and tells the three outcomes apart. Errors: those of the meta store but OUTCOME_UNKNOWN. */
export async function commitOutcome(meta: MetaStore, transaction: MetaTransaction): Promise<CommitOutcome> {
  try {
    const { committed, revision } = await meta.commit(transaction);
    return committed ? { kind: "committed", revision } : { kind: "lost" };
  } catch (error) {
    if (error instanceof BigMapError && error.code === "OUTCOME_UNKNOWN") return { kind: "unknown" };
    throw error;
  }
}

/** How often one change is tried against others that win before it: far more than routers and operators there are. */
export const commitAttemptsMax = 100;

export function contended(what: string): BigMapError {
  return new BigMapError("UNAVAILABLE", `${what}: other changes won ${commitAttemptsMax} times in a row`, { hint: "Try again." });
}
