import { noFaults, type FaultPoints } from "../base/fault-points.js";
import { BigMapError } from "../base/errors.js";
import type { CanisterId, MapId, ReplicaId } from "../base/ids.js";
import { isMapName, limits } from "../base/limits.js";
import type { Logger } from "../base/logger.js";
import type { MapDescription, MapPage, MapSettings } from "../base/map-backend.js";
import type { MapRegistry } from "../meta/map-registry.js";
import type { MetaStore, MetaTransaction } from "../meta/meta-store.js";
import { encodeCanisterRecord, encodeMapRecord } from "../meta/record-codec.js";
import { canisterRecordKey, mapRecordKey } from "../meta/record-keys.js";
import type { RecordTable } from "../meta/record-table.js";
import type { RecordView } from "../meta/record-view.js";
import type { CanisterRecord, MapRecord } from "../meta/records.js";
import { evenRanges } from "../ring/hash-range.js";
import { commitAttemptsMax, commitOutcome, contended } from "./commit-outcome.js";
import type { AllocatedIds, IdAllocator } from "./id-allocator.js";
import { assertMapName, completeSettings, mapNameInvalid } from "./map-settings.js";
import { decodePageToken, encodePageToken } from "./page-token.js";
import type { ReplicaHosts } from "./replica-hosts.js";

export interface MapCatalogOptions {
  readonly meta: MetaStore;
  readonly view: RecordView;
  readonly allocator: IdAllocator;
  readonly hosts: ReplicaHosts;
  readonly logger: Logger;
  readonly defaults: MapSettings;
  readonly faults?: FaultPoints | undefined;
}

/** Which maps there are: makes, lists and drops them, each change in one transaction of the meta store. */
export class MapCatalog implements MapRegistry {
  readonly #options: MapCatalogOptions;
  /** Maps whose record is there and whose canisters are being opened. */
  readonly #opening = new Map<string, Promise<void>>();
  /** Callers of `ensureMap` that came together share one attempt. */
  readonly #ensuring = new Map<string, Promise<MapDescription>>();

  constructor(options: MapCatalogOptions) {
    this.#options = options;
  }

  async createMap(map: string, given: Partial<MapSettings>): Promise<MapDescription> {
    assertMapName(map);
    const settings = completeSettings(given, this.#options.defaults);
    const record = await this.#commitMap(map, settings);
    await this.#open(record);
    this.#options.logger.info({ map, mapId: record.mapId, ...settings }, "Map created");
    return record;
  }

  ensureMap(map: string): Promise<MapDescription> {
    const underWay = this.#ensuring.get(map);
    if (underWay !== undefined) return underWay;
    const ensured = this.#ensure(map).finally(() => this.#ensuring.delete(map));
    this.#ensuring.set(map, ensured);
    return ensured;
  }

  async describeMap(map: string): Promise<MapDescription> {
    return mapRecordOf(await this.#options.view.refresh(), map);
  }

  async listMaps(page: { readonly pageSize: number; readonly pageToken: string | undefined }): Promise<MapPage> {
    if (!Number.isInteger(page.pageSize) || page.pageSize < 0) {
      throw new BigMapError("INVALID_ARGUMENT", `pageSize is ${page.pageSize} and must be a whole number from 0`);
    }
    const after = page.pageToken === undefined || page.pageToken === "" ? "" : decodePageToken(page.pageToken);
    const size = Math.min(page.pageSize === 0 ? limits.listPageMaxMaps : page.pageSize, limits.listPageMaxMaps);
    const table = await this.#options.view.refresh();
    const rest = table.mapNames().filter((name) => name > after);
    const names = rest.slice(0, size);
    const last = names.at(-1);
    const maps = names.map((name) => mapRecordOf(table, name));
    return { maps, nextPageToken: rest.length > size && last !== undefined ? encodePageToken(last) : undefined };
  }

  async dropMap(map: string): Promise<void> {
    const canisters = await this.#commitDrop(map);
    (this.#options.faults ?? noFaults).reach("drop.committed");
    await Promise.all([...canisters].map(([canisterId, replicaId]) => this.#free(canisterId, replicaId)));
    this.#options.logger.info({ map, canisters: canisters.size }, "Map dropped");
  }

  /**
   * Every attempt takes numbers of its own. A map that is found with the number of an attempt whose outcome was unknown
   * is therefore ours, and one that was dropped meanwhile never comes back under its old number.
   */
  async #commitMap(map: string, settings: MapSettings): Promise<MapRecord> {
    const { meta, view, allocator } = this.#options;
    const attempted = new Set<MapId>();
    for (let attempt = 0; attempt < commitAttemptsMax; attempt++) {
      const found = (await view.refresh()).map(map)?.record;
      if (found !== undefined && attempted.has(found.mapId)) return found;
      if (found !== undefined) throw new BigMapError("MAP_EXISTS", `There is a map ${map} already`);
      const ids = await allocator.allocate(1, settings.initialCanisters);
      attempted.add(ids.mapId);
      const record: MapRecord = { mapId: ids.mapId, map, settings };
      const outcome = await commitOutcome(meta, this.#creation(record, ids));
      if (outcome.kind !== "committed") continue;
      await view.reached(outcome.revision);
      return record;
    }
    throw contended(`Creating map ${map}`);
  }

  #creation(record: MapRecord, ids: AllocatedIds): MetaTransaction {
    const { mapId, map, settings } = record;
    const canisters = evenRanges(settings.initialCanisters).map((range, i): CanisterRecord => {
      const canisterId = ids.canisterId + i;
      const replicaId = this.#options.hosts.inTurn(i);
      return { canisterId, mapId, map, range, epoch: 1, replicaId, origin: undefined, stopped: false };
    });
    const rows = canisters.map((canister) => ({ key: canisterRecordKey(canister.canisterId), value: encodeCanisterRecord(canister) }));
    const key = mapRecordKey(map);
    return { compares: [{ key, revision: 0 }], puts: [{ key, value: encodeMapRecord(record) }, ...rows], deletes: [] };
  }

  async #open(record: MapRecord): Promise<void> {
    const opened = this.#openCanisters(record).finally(() => this.#opening.delete(record.map));
    this.#opening.set(record.map, opened);
    await opened;
  }

  async #openCanisters(record: MapRecord): Promise<void> {
    const canisters = this.#options.view.table.canistersOf(record.mapId);
    await Promise.all(
      canisters.map(async ({ record: { canisterId, replicaId } }) => {
        try {
          await this.#options.hosts.host(replicaId).createCanister(canisterId);
        } catch (error) {
          // The map was dropped in the same moment: there is nothing to open any more.
          if (BigMapError.from(error).code !== "CANISTER_NOT_FOUND") throw error;
        }
      }),
    );
  }

  async #ensure(map: string): Promise<MapDescription> {
    for (let attempt = 0; attempt < commitAttemptsMax; attempt++) {
      const found = (await this.#options.view.refresh()).map(map)?.record;
      if (found !== undefined) {
        await this.#opening.get(map);
        return found;
      }
      try {
        return await this.createMap(map, {});
      } catch (error) {
        if (BigMapError.from(error).code !== "MAP_EXISTS") throw error;
      }
    }
    throw contended(`Ensuring map ${map}`);
  }

  /**
   * Compares every canister's record, so that a split cannot slip a new canister in between. Returns the canisters whose
   * records are gone, and where their data is.
   */
  async #commitDrop(map: string): Promise<ReadonlyMap<CanisterId, ReplicaId>> {
    const { meta, view } = this.#options;
    const removed = new Map<CanisterId, ReplicaId>();
    let attempted: MapId | undefined;
    for (let attempt = 0; attempt < commitAttemptsMax; attempt++) {
      const table = await view.refresh();
      const found = table.map(map);
      if (attempted !== undefined && found?.record.mapId !== attempted) return removed;
      if (found === undefined) throw mapNotFound(map);
      const canisters = table.canistersOf(found.record.mapId);
      const rows = [
        { key: mapRecordKey(map), revision: found.revision },
        ...canisters.map(({ record, revision }) => ({ key: canisterRecordKey(record.canisterId), revision })),
      ];
      const outcome = await commitOutcome(meta, { compares: rows, puts: [], deletes: rows.map(({ key }) => key) });
      if (outcome.kind === "lost") continue;
      attempted = found.record.mapId;
      for (const { record } of canisters) removed.set(record.canisterId, record.replicaId);
      if (outcome.kind === "committed") {
        await view.reached(outcome.revision);
        return removed;
      }
    }
    throw contended(`Dropping map ${map}`);
  }

  /** What fails here is freed when the replica starts next: it finds data of a map that has no record. */
  async #free(canisterId: CanisterId, replicaId: ReplicaId): Promise<void> {
    try {
      await this.#options.hosts.host(replicaId).deleteCanister(canisterId);
    } catch (error) {
      const { code, message } = BigMapError.from(error);
      if (code === "CANISTER_NOT_FOUND") return;
      this.#options.logger.warn({ canisterId, replicaId, code, message }, "The data of a dropped canister was not freed yet");
    }
  }
}

/** Errors: MAP_NOT_FOUND, MAP_NAME_INVALID. */
export function mapRecordOf(table: RecordTable, map: string): MapRecord {
  const found = table.map(map);
  if (found === undefined) throw mapNotFound(map);
  return found.record;
}

export function mapNotFound(map: string): BigMapError {
  if (!isMapName(map)) return mapNameInvalid(map);
  return new BigMapError("MAP_NOT_FOUND", `There is no map ${JSON.stringify(map.slice(0, limits.mapNameMaxChars))}`);
}
