import type { CanisterId, MapId, ReplicaId } from "../base/ids.js";
import type { DataCanister } from "../canister/data-canister.js";
import type { RecordTable } from "../meta/record-table.js";
import type { MapRecord } from "../meta/records.js";
import type { Ring } from "../ring/ring.js";
import { compareTokens } from "../ring/token.js";
import type { HostedCanister } from "./hosted-canister.js";

/** The ring of one map with the canisters that are here, place for place. Replaced as a whole. */
export interface MapRoutes {
  readonly record: MapRecord;
  readonly ring: Ring;
  /** Undefined: the range belongs to another replica. */
  readonly canisters: readonly (HostedCanister | undefined)[];
  /**
   * Every canister has the whole of its ranges of the ring: then no token need be compared with its canister's own range. Ends where a
   * canister of the map is added or taken away: the one that was split for it has kept a part only.
   */
  rangesAgree: boolean;
  /** How often canisters of the map had been added here or taken away when the routes were made. */
  readonly changes: number;
}

/** The canisters of this replica, and for every map who owns which token. HOT: `find`. */
export class RouteTable {
  readonly #hosted = new Map<CanisterId, HostedCanister>();
  readonly #routes = new Map<string, MapRoutes>();
  readonly #changes = new Map<MapId, number>();
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
    this.#changed(hosted.canister);
  }

  removeCanister(hosted: HostedCanister): void {
    this.#hosted.delete(hosted.canister.canisterId);
    this.#changed(hosted.canister);
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
    const changes = this.#changesOf(record.mapId);
    if (known?.record.mapId === record.mapId && known.ring === ring && known.changes === changes) return;
    const canisters = this.#canistersOn(ring);
    if (canisters !== undefined) this.#routes.set(map, { record, ring, canisters, rangesAgree: rangesAgree(ring, canisters), changes });
  }

  /**
   * For every range of the ring the canister here that owns it now. Where the records know a split that is not carried out here
   * yet, that is still the parent: each split takes over when its own two halves are ready, whatever others of the map are at.
   * Undefined where a canister is not open yet.
   */
  #canistersOn(ring: Ring): (HostedCanister | undefined)[] | undefined {
    const canisters: (HostedCanister | undefined)[] = [];
    let last: HostedCanister | undefined;
    const localIndex = ring.replicaIds.indexOf(this.replicaId);
    for (let i = 0; i < ring.size; i++) {
      const isLocal = ring.replicaIndexAt(i) === localIndex;
      if (isLocal) {
        // A child stands on the ring to the right of its parent.
        const own = this.#hosted.get(ring.canisterIdAt(i)) ?? last;
        if (own === undefined || !ring.beginsIn(i, own.canister.range)) return undefined;
        last = own;
      }
      canisters.push(isLocal ? last : undefined);
    }
    return canisters;
  }

  #changed({ mapId, map }: DataCanister): void {
    this.#changes.set(mapId, this.#changesOf(mapId) + 1);
    const routes = this.#routes.get(map);
    if (routes !== undefined) routes.rangesAgree = false;
  }

  #changesOf(mapId: MapId): number {
    return this.#changes.get(mapId) ?? 0;
  }
}

function rangesAgree(ring: Ring, canisters: readonly (HostedCanister | undefined)[]): boolean {
  return canisters.every((hosted, place) => {
    if (hosted === undefined) return true;
    const { start, end } = ring.rangeAt(place);
    const { range } = hosted.canister;
    return compareTokens(range.start, start) <= 0 && compareTokens(end, range.end) <= 0;
  });
}
