import type { CanisterId, ReplicaId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import type { CanisterStatus } from "../ring/topology.js";

/** "Split this canister at the point that halves its bytes." */
export interface SplitOperator {
  readonly kind: "split";
  readonly canisterId: CanisterId;
  readonly replicaId: ReplicaId;
}

export interface PlannerSettings {
  /** Of the cap; splitting starts here. */
  readonly softCapRatio: number;
  readonly splitsPerReplicaMax: number;
  /** An unsplittable canister is tried again when its bytes have changed by this part. */
  readonly retryChangeRatio: number;
}

export const defaultPlannerSettings: PlannerSettings = { softCapRatio: limits.softCapRatio, splitsPerReplicaMax: 4, retryChangeRatio: 0.1 };

/** Everything that a plan depends on. */
export interface ClusterView {
  readonly canisters: readonly CanisterStatus[];
  /** Operators under way: their effects count as done. */
  readonly pending: readonly SplitOperator[];
  /** The bytes that a canister had when its last split found no cut. */
  readonly unsplittableBytes: ReadonlyMap<CanisterId, number>;
  /** When a canister whose split failed may be tried again, as monotonic milliseconds. */
  readonly restsUntilMs: ReadonlyMap<CanisterId, number>;
  readonly nowMs: number;
}

/**
 * Which canisters to split next: those with updates waiting at the hard cap first, then the fullest, within the bound of
 * each replica. A pure function; the order of `canisters` does not matter.
 */
export function planSplits(view: ClusterView, settings: PlannerSettings): readonly SplitOperator[] {
  const pendingIds = new Set(view.pending.map(({ canisterId }) => canisterId));
  const candidates = view.canisters.filter(
    (canister) => needsSplit(canister, settings) && !pendingIds.has(canister.canisterId) && maySplit(canister, view, settings),
  );
  return withinBounds(candidates.sort(byUrgency), view.pending, settings);
}

/** Whether the canister is over its soft cap, or holds updates back. */
export function needsSplit(canister: CanisterStatus, settings: PlannerSettings): boolean {
  return canister.writesWaiting || canister.bytes >= canister.capBytes * settings.softCapRatio;
}

function maySplit(canister: CanisterStatus, view: ClusterView, settings: PlannerSettings): boolean {
  if (canister.state !== "serving") return false;
  if ((view.restsUntilMs.get(canister.canisterId) ?? 0) > view.nowMs) return false;
  // Updates wait, and an entry came since a split found no cut: the canister would refuse them itself if that still held.
  if (canister.writesWaiting && !canister.unsplittable) return true;
  const triedBytes = view.unsplittableBytes.get(canister.canisterId);
  return triedBytes === undefined || Math.abs(canister.bytes - triedBytes) >= Math.max(1, triedBytes * settings.retryChangeRatio);
}

function byUrgency(left: CanisterStatus, right: CanisterStatus): number {
  const waiting = Number(right.writesWaiting) - Number(left.writesWaiting);
  const fuller = right.bytes / right.capBytes - left.bytes / left.capBytes;
  return waiting || fuller || left.canisterId - right.canisterId;
}

function withinBounds(ordered: readonly CanisterStatus[], pending: readonly SplitOperator[], settings: PlannerSettings): SplitOperator[] {
  const underWay = new Map<ReplicaId, number>();
  const count = (replicaId: ReplicaId): number => underWay.get(replicaId) ?? 0;
  for (const { replicaId } of pending) underWay.set(replicaId, count(replicaId) + 1);
  const operators: SplitOperator[] = [];
  for (const { canisterId, replicaId } of ordered) {
    if (count(replicaId) >= settings.splitsPerReplicaMax) continue;
    underWay.set(replicaId, count(replicaId) + 1);
    operators.push({ kind: "split", canisterId, replicaId });
  }
  return operators;
}
