import type { MapSettings } from "../base/map-backend.js";
import type { CanisterId, MapId, ReplicaId } from "../base/ids.js";
import type { HashRange } from "../ring/hash-range.js";

/**
 * The records in the meta store, one key each, JSON with a `layout` number (golden bytes in `test/meta`):
 *
 *     map/<name>              MapRecord
 *     canister/<id, 15 digits>   CanisterRecord
 *     replica/<id>            ReplicaRecord
 *     allocator               AllocatorRecord
 *
 * The ring of a map is derived: its canisters' ranges in order. Its version is the largest revision among them.
 */
export interface MapRecord {
  readonly mapId: MapId;
  readonly map: string;
  readonly settings: MapSettings;
}

export interface CanisterRecord {
  readonly canisterId: CanisterId;
  readonly mapId: MapId;
  readonly map: string;
  readonly range: HashRange;
  /** Grows with every change of ownership or range; fences old owners. */
  readonly epoch: number;
  /** The replica that hosts the primary copy. */
  readonly replicaId: ReplicaId;
  /** From which canister, at which of its updates, this one was cut; absent for the first canisters of a map. */
  readonly origin: { readonly parentId: CanisterId; readonly sequence: number } | undefined;
  /** Stopped by an operator; stays so across restarts. */
  readonly stopped: boolean;
}

export interface ReplicaRecord {
  readonly replicaId: ReplicaId;
  /** HOST:PORT. */
  readonly address: string;
}

export interface AllocatorRecord {
  readonly nextMapId: MapId;
  readonly nextCanisterId: CanisterId;
}
