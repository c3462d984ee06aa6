import { startsWithBytes } from "../../src/base/bytes.js";
import { BigMapError } from "../../src/base/errors.js";
import { isMapName, limits } from "../../src/base/limits.js";
import type { MapDescription, MapPage, MapSettings, MapStatistics, ScanPageRequest } from "../../src/base/map-backend.js";
import type { ScanPage } from "../../src/base/scan-page.js";
import {
  conditionOf,
  isUpdate,
  keyOf,
  kindOf,
  operationCondition,
  operationKind,
  resultStatus,
  valueOf,
  type OperationBatch,
  type ResultSink,
} from "../../src/base/operation-batch.js";
import { ResultBatchBuilder } from "../../src/base/result-batch-builder.js";
import type { Connection } from "../../src/client/connection.js";
import { evenRanges } from "../../src/ring/hash-range.js";
import { Ring } from "../../src/ring/ring.js";
import { compareTokens, tokenOf, type Token } from "../../src/ring/token.js";
import type { CanisterSplit, MapRing, Topology } from "../../src/ring/topology.js";
import { pageOf } from "../base/scan-entries.js";

interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly version: number;
  readonly token: Token;
}

interface StoredMap {
  readonly description: MapDescription;
  readonly ring: Ring;
  readonly entries: Map<string, StoredEntry>;
  /** Number of the last update of each canister, by its place in the ring. */
  readonly sequences: number[];
}

/** The map backend in its simplest form, on a plain Map; also a server for tests of the client. */
export class MemoryConnection implements Connection {
  readonly #maps = new Map<string, StoredMap>();
  #lastMapId = 0;

  submit(batch: OperationBatch, _sessionId: number, sink: ResultSink): void {
    const results = new ResultBatchBuilder();
    this.apply(batch, results);
    queueMicrotask(() => sink.deliver(results.build(true)));
  }

  /** Carries out the batch at once, in order. */
  apply(batch: OperationBatch, results: ResultBatchBuilder): void {
    const writes = batch.operations.some((operation) => isUpdate(operation));
    const map = this.#maps.get(batch.map) ?? (writes ? this.#make(batch.map, {}) : undefined);
    if (map === undefined) {
      for (let i = 0; i < batch.count; i++) results.addError(i, new BigMapError("MAP_NOT_FOUND", `There is no map "${batch.map}"`));
      return;
    }
    const failing = batch.atomic ? failingCanisters(map, batch) : new Set<number>();
    for (let i = 0; i < batch.count; i++) {
      const conflict = conflictOf(map, batch, i);
      if (conflict !== undefined) results.addError(i, conflict);
      else if (isUpdate(batch.operations[i] ?? 0) && failing.has(placeOf(map, keyOf(batch, i)))) {
        results.addError(i, new BigMapError("BATCH_ABORTED", "Another update of this canister failed"));
      } else carryOut(map, batch, i, results);
    }
  }

  async createMap(map: string, settings: Partial<MapSettings>): Promise<MapDescription> {
    if (!isMapName(map)) throw new BigMapError("MAP_NAME_INVALID", `"${map}" is not a name`);
    if (this.#maps.has(map)) throw new BigMapError("MAP_EXISTS", `The map "${map}" exists`);
    return Promise.resolve(this.#make(map, settings).description);
  }

  async listMaps(page: { readonly pageSize: number; readonly pageToken: string | undefined }): Promise<MapPage> {
    const names = [...this.#maps.keys()].sort().filter((name) => page.pageToken === undefined || name > page.pageToken);
    const chosen = names.slice(0, page.pageSize);
    const maps = chosen.map((name) => this.#existing(name).description);
    return Promise.resolve({ maps, nextPageToken: names.length > chosen.length ? chosen.at(-1) : undefined });
  }

  async dropMap(map: string): Promise<void> {
    this.#existing(map);
    this.#maps.delete(map);
    return Promise.resolve();
  }

  async clear(map: string): Promise<number> {
    const { entries } = this.#existing(map);
    const count = entries.size;
    entries.clear();
    return Promise.resolve(count);
  }

  async stats(map: string): Promise<MapStatistics> {
    const { entries, ring, description } = this.#existing(map);
    let bytes = 0;
    for (const { key, value } of entries.values()) bytes += key.length + value.length + limits.entryOverheadBytes;
    return Promise.resolve({
      entries: entries.size,
      bytes,
      canisters: ring.size,
      ringVersion: ring.version,
      settings: description.settings,
    });
  }

  async scanPage(request: ScanPageRequest): Promise<ScanPage> {
    const map = this.#existing(request.map);
    const from = request.cursor === undefined ? 0 : cursorPlace(request.cursor);
    const sorted = [...map.entries.values()].filter(({ key }) => startsWithBytes(key, request.prefix)).sort(inRingOrder);
    const chosen: StoredEntry[] = [];
    let sizeBytes = 0;
    for (const entry of sorted.slice(from, from + request.maxEntries)) {
      chosen.push(entry);
      sizeBytes += entry.key.length + entry.value.length;
      if (sizeBytes >= limits.scanPageMaxBytes) break;
    }
    const next = from + chosen.length;
    const entries = chosen.map(({ key, value, version }) => ({ key, value: request.keysOnly ? new Uint8Array(0) : value, version }));
    return Promise.resolve(pageOf(entries, next < sorted.length ? Buffer.from(`place ${next}`) : undefined));
  }

  async getRing(map: string): Promise<MapRing> {
    const { description, ring } = this.#existing(map);
    return Promise.resolve({ map, mapId: description.mapId, ring, replicas: [{ replicaId: "memory", address: "memory:0" }] });
  }

  async *watchRing(map: string, signal: AbortSignal): AsyncIterable<MapRing> {
    yield await this.getRing(map);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }

  splitCanister(canisterId: number, _cut: Token | undefined): Promise<CanisterSplit> {
    return Promise.reject(new BigMapError("CANISTER_UNSPLITTABLE", `Canister ${canisterId} is held in memory and never splits`));
  }

  async getTopology(map: string | undefined): Promise<Topology> {
    const maps = map === undefined ? [...this.#maps.values()] : [this.#existing(map)];
    const replicas = [{ replicaId: "memory", address: "memory:0" }];
    return Promise.resolve({ replicas, maps: maps.map(({ description }) => description), canisters: [] });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #existing(name: string): StoredMap {
    const map = this.#maps.get(name);
    if (map === undefined) throw new BigMapError("MAP_NOT_FOUND", `There is no map "${name}"`);
    return map;
  }

  #make(name: string, chosen: Partial<MapSettings>): StoredMap {
    const settings: MapSettings = {
      canisterCapBytes: chosen.canisterCapBytes ?? limits.canisterCapDefaultBytes,
      initialCanisters: chosen.initialCanisters ?? limits.initialCanistersDefault,
      tokenFunction: "murmur3",
    };
    const ranges = evenRanges(settings.initialCanisters);
    const ring = new Ring(
      1,
      ranges.map((range, i) => ({ range, canisterId: i + 1, replicaId: "memory" })),
    );
    const description = { map: name, mapId: ++this.#lastMapId, settings };
    const map: StoredMap = { description, ring, entries: new Map(), sequences: ranges.map(() => 0) };
    this.#maps.set(name, map);
    return map;
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}

function placeOf(map: StoredMap, key: Uint8Array): number {
  const token = tokenOf(key);
  return map.ring.indexOf(token.high, token.low);
}

function conflictOf(map: StoredMap, batch: OperationBatch, index: number): BigMapError | undefined {
  const currentVersion = map.entries.get(textOf(keyOf(batch, index)))?.version ?? 0;
  const condition = conditionOf(batch.operations[index] ?? 0);
  const failed =
    (condition === operationCondition.ifAbsent && currentVersion > 0) ||
    (condition === operationCondition.ifVersion && (currentVersion === 0 || currentVersion !== batch.ifVersions[index]));
  return failed ? new BigMapError("CONDITION_FAILED", "The entry is not as expected", { currentVersion }) : undefined;
}

function failingCanisters(map: StoredMap, batch: OperationBatch): Set<number> {
  const failing = new Set<number>();
  for (let i = 0; i < batch.count; i++) if (conflictOf(map, batch, i) !== undefined) failing.add(placeOf(map, keyOf(batch, i)));
  return failing;
}

function carryOut(map: StoredMap, batch: OperationBatch, index: number, results: ResultBatchBuilder): void {
  const key = Buffer.from(keyOf(batch, index));
  const entry = map.entries.get(textOf(key));
  const kind = kindOf(batch.operations[index] ?? 0);
  if (kind === operationKind.put) {
    const version = nextVersion(map, key);
    map.entries.set(textOf(key), { key, value: Buffer.from(valueOf(batch, index)), version, token: tokenOf(key) });
    results.add(index, resultStatus.written, version);
  } else if (kind === operationKind.delete) {
    if (entry !== undefined) nextVersion(map, key);
    map.entries.delete(textOf(key));
    results.add(index, entry === undefined ? resultStatus.nothingToDelete : resultStatus.deleted, 0);
  } else if (entry === undefined) results.add(index, resultStatus.notFound, 0);
  else if (kind === operationKind.has) results.add(index, resultStatus.found, entry.version);
  else results.addValue(index, entry.version, entry.value, 0, entry.value.length);
}

function nextVersion(map: StoredMap, key: Uint8Array): number {
  const place = placeOf(map, key);
  const version = (map.sequences[place] ?? 0) + 1;
  map.sequences[place] = version;
  return version;
}

function inRingOrder(left: StoredEntry, right: StoredEntry): number {
  return compareTokens(left.token, right.token) || Buffer.compare(left.key, right.key);
}

function cursorPlace(cursor: Uint8Array): number {
  const match = /^place (\d+)$/.exec(Buffer.from(cursor).toString("latin1"));
  if (match === null) throw new BigMapError("CURSOR_INVALID", "This is not a cursor");
  return Number(match[1]);
}
