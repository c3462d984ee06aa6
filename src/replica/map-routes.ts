import type { CanisterId, ReplicaId } from "../base/ids.js";
import type { RecordTable } from "../meta/record-table.js";
import type { MapRecord } from "../meta/records.js";
import type { Ring } from "../ring/ring.js";
import type { HostedCanister } from "./hosted-canister.js";

/** The ring of one map with the canisters that are here, place for place. Replaced as a whole. */
export interface MapRoutes {
  readonly record: MapRecord;
  readonly ring: Ring;
  /** Undefined: the range belongs to another replica. */
  readonly canisters: readonly (HostedCanister | undefined)[];
}

/** The canisters of this replica, and for every map who owns which token. HOT: `find`. */
export class RouteTable {
  readonly #hosted = new Map<CanisterId, HostedCanister>();
  readonly #routes = new Map<string, MapRoutes>();
  #lastMap = "";
  #lastRoutes: MapRoutes | undefined;

  constructor(private readonly replicaId: ReplicaId) {}

  find(map: string): MapRoutes | undefined {
    if (map === this.#lastMap && this.#lastRoutes !== undefined) return this.#lastRoutes;
    this.#lastMap = map;
    return (this.#lastRoutes = this.#routes.get(map));
  }

  canister(canisterId: CanisterId): HostedCanister | undefined {
    return this.#hosted.get(canisterId);
  }

  canisters(): IterableIterator<HostedCanister> {
    return this.#hosted.values();
  }

  addCanister(hosted: HostedCanister): void {
    this.#hosted.set(hosted.canister.canisterId, hosted);
  }

  removeCanister(canisterId: CanisterId): void {
    this.#hosted.delete(canisterId);
  }

  /** Takes over the rings of the records, map by map; a map of which a canister is not open yet keeps the ring it has. */
  refresh(table: RecordTable): void {
    this.#lastRoutes = undefined;
    const names = new Set(table.mapNames());
    for (const map of this.#routes.keys()) if (!names.has(map)) this.#routes.delete(map);
    for (const map of names) this.#refreshMap(map, table);
  }

  #refreshMap(map: string, table: RecordTable): void {
    const record = table.map(map)?.record;
    if (record === undefined) return;
    const known = this.#routes.get(map);
    // A map that was dropped and made again under its old name: nothing may reach the old canisters any more.
    if (known !== undefined && known.record.mapId !== record.mapId) this.#routes.delete(map);
    const ring = table.ring(record.mapId);
    if (known?.record.mapId === record.mapId && known.ring === ring && this.#isCurrent(known)) return;
    const canisters: (HostedCanister | undefined)[] = [];
    for (let i = 0; i < ring.size; i++) {
      const hosted = this.#hosted.get(ring.canisterIdAt(i));
      const isLocal = ring.replicaIds[ring.replicaIndexAt(i)] === this.replicaId;
      if (isLocal && (hosted === undefined || !isSameRange(hosted, ring, i))) return;
      canisters.push(isLocal ? hosted : undefined);
    }
    this.#routes.set(map, { record, ring, canisters });
  }

  /** A canister that was closed and opened again is another object. */
  #isCurrent(routes: MapRoutes): boolean {
    return routes.canisters.every((hosted) => hosted === undefined || this.#hosted.get(hosted.canister.canisterId) === hosted);
  }
}

/** A split that the records know and the canister does not yet, or the other way round, is not taken over in halves. */
function isSameRange(hosted: HostedCanister, ring: Ring, index: number): boolean {
  const { start, end } = hosted.canister.range;
  const expected = ring.rangeAt(index);
  return (
    start.high === expected.start.high && start.low === expected.start.low && end.high === expected.end.high && end.low === expected.end.low
  );
}
