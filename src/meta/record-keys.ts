import { assert } from "../base/errors.js";
import type { CanisterId, ReplicaId } from "../base/ids.js";

/** What the keys of each kind of record begin with; see `records.ts`. */
export const recordPrefix = { map: "map/", canister: "canister/", replica: "replica/" } as const;

export const allocatorRecordKey = "allocator";

export function mapRecordKey(map: string): string {
  return recordPrefix.map + map;
}

/** Fifteen digits hold every u48, so that key order is number order. */
export function canisterRecordKey(canisterId: CanisterId): string {
  assert(Number.isInteger(canisterId) && canisterId > 0 && canisterId < 2 ** 48, "a canister's number is a u48 above 0");
  return recordPrefix.canister + String(canisterId).padStart(15, "0");
}

export function replicaRecordKey(replicaId: ReplicaId): string {
  return recordPrefix.replica + replicaId;
}
