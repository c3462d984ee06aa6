import type { CanisterId, MapId, ReplicaId } from "../base/ids.js";
import type { MapDescription } from "../base/map-backend.js";
import type { HashRange } from "./hash-range.js";
import type { Ring } from "./ring.js";
import type { Token } from "./token.js";

/** A data canister's life. `frozen`: updates wait for a split to end, queries go on. */
export type CanisterState = "opening" | "serving" | "frozen" | "stopping" | "stopped";

export interface CanisterStatus {
  readonly canisterId: CanisterId;
  readonly mapId: MapId;
  readonly map: string;
  readonly range: HashRange;
  readonly epoch: number;
  readonly replicaId: ReplicaId;
  readonly state: CanisterState;
  /** Exact, of committed updates. */
  readonly entries: number;
  readonly bytes: number;
  readonly capBytes: number;
  /** The number of the last update. */
  readonly sequence: number;
  /** The last attempt to split found no cut. */
  readonly unsplittable: boolean;
  /** Updates are waiting because the canister is at its hard cap. */
  readonly writesWaiting: boolean;
}

export interface ReplicaDescription {
  readonly replicaId: ReplicaId;
  /** HOST:PORT of its gRPC server. */
  readonly address: string;
}

/** The ring of one map, and where its replicas are. */
export interface MapRing {
  readonly map: string;
  readonly mapId: MapId;
  readonly ring: Ring;
  readonly replicas: readonly ReplicaDescription[];
}

export interface Topology {
  readonly replicas: readonly ReplicaDescription[];
  readonly maps: readonly MapDescription[];
  readonly canisters: readonly CanisterStatus[];
}

export interface CanisterSplit {
  readonly leftId: CanisterId;
  readonly rightId: CanisterId;
  readonly cut: Token;
  readonly ringVersion: number;
}

/** What the router canister offers, in this process or through a connection. Every method may reject with BigMapError. */
export interface RouterBackend {
  /** Errors: MAP_NOT_FOUND. */
  getRing(map: string): Promise<MapRing>;
  /** The current ring, then every newer one (some may be skipped). Ends with MAP_NOT_FOUND when the map is dropped. */
  watchRing(map: string, signal: AbortSignal): AsyncIterable<MapRing>;
  /** Errors: CANISTER_NOT_FOUND, CANISTER_UNSPLITTABLE, CANISTER_BUSY. */
  splitCanister(canisterId: CanisterId, cut: Token | undefined): Promise<CanisterSplit>;
  /** Of one map, or of all. */
  getTopology(map: string | undefined): Promise<Topology>;
}
