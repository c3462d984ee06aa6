/** The port through which the router canister sees and commands the canisters of a replica. */
import type { CanisterId, ReplicaId } from "../base/ids.js";
import type { HashRange } from "../ring/hash-range.js";
import type { Token } from "../ring/token.js";
import type { CanisterStatus } from "../ring/topology.js";

export interface SplitRequest {
  readonly canisterId: CanisterId;
  /** Allocated by the router; never used before. */
  readonly childId: CanisterId;
  /** The first token of the right half; absent: the point that halves the bytes. */
  readonly cut: Token | undefined;
}

export interface SplitResult {
  readonly cut: Token;
  readonly leftId: CanisterId;
  readonly rightId: CanisterId;
  /** Revision of the meta store at which the split happened. */
  readonly revision: number;
}

export interface ClearResult {
  readonly deletedEntries: number;
  /** What the canister owned when it was cleared. */
  readonly range: HashRange;
}

export interface CanisterHost {
  readonly replicaId: ReplicaId;
  /** Of all canisters here. */
  canisterStatuses(): readonly CanisterStatus[];
  /** Errors: CANISTER_NOT_FOUND. */
  canisterStatus(canisterId: CanisterId): CanisterStatus;
  /** Opens the canister from its record; open already is fine. Errors: CANISTER_NOT_FOUND. */
  createCanister(canisterId: CanisterId): Promise<CanisterStatus>;
  startCanister(canisterId: CanisterId): Promise<CanisterStatus>;
  stopCanister(canisterId: CanisterId): Promise<CanisterStatus>;
  /** Frees the data of a canister whose record is gone. Errors: CANISTER_IN_USE, CANISTER_NOT_FOUND. */
  deleteCanister(canisterId: CanisterId): Promise<void>;
  /**
   * Deletes all entries of the canister in one atomic step; updates wait meanwhile. Errors: CANISTER_NOT_FOUND, CANISTER_BUSY.
   */
  clearCanister(canisterId: CanisterId): Promise<ClearResult>;
  /**
   * Freezes updates, drains, commits the split in the meta store in one transaction, and serves both halves.
   * Errors: CANISTER_NOT_FOUND, CANISTER_BUSY, CANISTER_UNSPLITTABLE, INVALID_ARGUMENT (the cut).
   */
  splitCanister(request: SplitRequest): Promise<SplitResult>;
  /** Calls back when a canister passed its soft cap or has updates waiting at its hard cap. Returns an unsubscribe. */
  onPressure(listener: (canisterId: CanisterId) => void): () => void;
}
