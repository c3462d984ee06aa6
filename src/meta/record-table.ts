import { BigMapError } from "../base/errors.js";
import type { CanisterId, MapId, ReplicaId } from "../base/ids.js";
import type { Ring } from "../ring/ring.js";
import type { ReplicaDescription } from "../ring/topology.js";
import { ringAfter, ringOf, type Revised, type RingChange } from "./map-ring.js";
import type { MetaChange, MetaRecord } from "./meta-store.js";
import { decodeCanisterRecord, decodeMapRecord, decodeReplicaRecord } from "./record-codec.js";
import { canisterRecordKey, recordPrefix, replicaRecordKey } from "./record-keys.js";
import type { CanisterRecord, MapRecord } from "./records.js";

/**
 * All records of an installation, decoded, as of one revision, with the rings they make. Errors of `apply`:
 * STORAGE_CORRUPT, DATA_DIR_NEWER.
 */
export class RecordTable {
  #revision = 0;
  /** By record key. */
  readonly #maps = new Map<string, Revised<MapRecord>>();
  readonly #canisters = new Map<string, Revised<CanisterRecord>>();
  readonly #replicas = new Map<string, ReplicaDescription>();
  readonly #canistersOfMap = new Map<MapId, Map<CanisterId, Revised<CanisterRecord>>>();
  /** Made when asked for; then kept in step where a change is a split, say, and forgotten where it is more. */
  readonly #rings = new Map<MapId, Ring>();
  #sortedNames: readonly string[] | undefined;

  get revision(): number {
    return this.#revision;
  }

  apply(change: MetaChange): void {
    if (change.reset) this.#clear();
    for (const key of change.deletes) this.#forget(key);
    const changing = new Map<MapId, ChangingRing>();
    for (const record of change.puts) this.#learn(record, changing);
    for (const [mapId, changed] of changing) {
      const after = ringAfter(changed.ring, changed);
      if (after !== undefined) this.#rings.set(mapId, after);
    }
    this.#revision = change.revision;
  }

  map(name: string): Revised<MapRecord> | undefined {
    return this.#maps.get(recordPrefix.map + name);
  }

  /** In the order of names. */
  mapNames(): readonly string[] {
    this.#sortedNames ??= [...this.#maps.values()].map(({ record }) => record.map).sort();
    return this.#sortedNames;
  }

  canistersOf(mapId: MapId): readonly Revised<CanisterRecord>[] {
    return [...(this.#canistersOfMap.get(mapId)?.values() ?? [])];
  }

  canister(canisterId: CanisterId): Revised<CanisterRecord> | undefined {
    return this.#canisters.get(canisterRecordKey(canisterId));
  }

  /** Errors: MAP_NOT_FOUND. */
  ring(mapId: MapId): Ring {
    const known = this.#rings.get(mapId);
    if (known !== undefined) return known;
    const canisters = this.canistersOf(mapId);
    if (canisters.length === 0) throw new BigMapError("MAP_NOT_FOUND", `There is no map with the number ${mapId}`);
    const ring = ringOf(canisters);
    this.#rings.set(mapId, ring);
    return ring;
  }

  replica(replicaId: ReplicaId): ReplicaDescription | undefined {
    return this.#replicas.get(replicaRecordKey(replicaId));
  }

  /** In the order of their names. */
  replicas(): readonly ReplicaDescription[] {
    return [...this.#replicas.values()].sort((left, right) => (left.replicaId < right.replicaId ? -1 : 1));
  }

  #learn({ key, value, revision }: MetaRecord, changing: Map<MapId, ChangingRing>): void {
    if (key.startsWith(recordPrefix.map)) {
      if (!this.#maps.has(key)) this.#sortedNames = undefined;
      this.#maps.set(key, { record: decodeMapRecord(value), revision });
    } else if (key.startsWith(recordPrefix.canister)) {
      this.#learnCanister(key, { record: decodeCanisterRecord(value), revision }, changing);
    } else if (key.startsWith(recordPrefix.replica)) {
      this.#replicas.set(key, decodeReplicaRecord(value));
    }
  }

  #learnCanister(key: string, canister: Revised<CanisterRecord>, changing: Map<MapId, ChangingRing>): void {
    const { mapId, canisterId } = canister.record;
    const siblings = this.#canistersOfMap.get(mapId) ?? new Map<CanisterId, Revised<CanisterRecord>>();
    this.#noteRingChange(mapId, canister, siblings.has(canisterId), changing);
    siblings.set(canisterId, canister);
    this.#canistersOfMap.set(mapId, siblings);
    this.#canisters.set(key, canister);
  }

  /** Takes the ring aside, so that nobody sees one that does not fit the records. */
  #noteRingChange(mapId: MapId, canister: Revised<CanisterRecord>, isKnown: boolean, changing: Map<MapId, ChangingRing>): void {
    const ring = this.#rings.get(mapId);
    if (ring !== undefined) changing.set(mapId, { ring, written: [], knownBefore: 0 });
    this.#rings.delete(mapId);
    const changed = changing.get(mapId);
    changed?.written.push(canister);
    if (changed !== undefined && isKnown) changed.knownBefore++;
  }

  #forget(key: string): void {
    if (this.#maps.delete(key)) this.#sortedNames = undefined;
    this.#replicas.delete(key);
    const canister = this.#canisters.get(key)?.record;
    if (canister === undefined) return;
    this.#canisters.delete(key);
    this.#rings.delete(canister.mapId);
    const siblings = this.#canistersOfMap.get(canister.mapId);
    siblings?.delete(canister.canisterId);
    if (siblings?.size === 0) this.#canistersOfMap.delete(canister.mapId);
  }

  #clear(): void {
    for (const part of [this.#maps, this.#canisters, this.#replicas, this.#canistersOfMap, this.#rings]) part.clear();
    this.#sortedNames = undefined;
  }
}

/** The ring that a map had, while a change of its canisters is taken over. */
interface ChangingRing extends RingChange {
  readonly ring: Ring;
  readonly written: Revised<CanisterRecord>[];
  knownBefore: number;
}
