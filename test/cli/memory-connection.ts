import { startsWithBytes } from "../../src/base/bytes.js";
import { BigMapError } from "../../src/base/errors.js";
import type { MapDescription, MapPage, MapSettings, MapStatistics, ScanPageRequest } from "../../src/base/map-backend.js";
import type { ScanPage } from "../../src/base/scan-page.js";
import {
  conditionOf,
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
import type { SessionId } from "../../src/base/ids.js";
import type { Connection } from "../../src/client/connection.js";
import { cutRange, evenRanges, rangeContains, type HashRange } from "../../src/ring/hash-range.js";
import { Ring } from "../../src/ring/ring.js";
import { tokenOf, type Token } from "../../src/ring/token.js";
import type { CanisterSplit, CanisterStatus, MapRing, Topology } from "../../src/ring/topology.js";
import { pageOf } from "../base/scan-entries.js";

interface StoredEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly version: number;
}

interface StoredMap {
  readonly description: MapDescription;
  readonly entries: Map<string, StoredEntry>;
  canisters: { readonly canisterId: number; readonly range: HashRange }[];
  ringVersion: number;
}

/** An installation in the memory of the test: maps that are plain Maps, and a ring that only a manual split changes. */
export class MemoryConnection implements Connection {
  readonly #maps = new Map<string, StoredMap>();
  readonly #watchers = new Set<() => void>();
  #sequence = 0;
  #canisterId = 0;
  /** Set, it is the answer to every operation. */
  failure: BigMapError | undefined;

  submit(batch: OperationBatch, _sessionId: SessionId, sink: ResultSink): void {
    const results = new ResultBatchBuilder();
    for (let i = 0; i < batch.count; i++) this.#apply(batch, i, results);
    queueMicrotask(() => sink.deliver(results.build(true)));
  }

  async createMap(map: string, settings: Partial<MapSettings>): Promise<MapDescription> {
    if (this.#maps.has(map)) throw new BigMapError("MAP_EXISTS", `The map "${map}" is there already`);
    return this.#make(map, settings).description;
  }

  async listMaps(): Promise<MapPage> {
    const maps = [...this.#maps.keys()].sort().map((map) => this.#find(map).description);
    return { maps, nextPageToken: undefined };
  }

  async dropMap(map: string): Promise<void> {
    this.#find(map);
    this.#maps.delete(map);
  }

  async clear(map: string): Promise<number> {
    const { entries } = this.#find(map);
    const deleted = entries.size;
    entries.clear();
    return deleted;
  }

  async stats(map: string): Promise<MapStatistics> {
    const stored = this.#find(map);
    const { entries, bytes } = sizeOf([...stored.entries.values()]);
    return { entries, bytes, canisters: stored.canisters.length, ringVersion: stored.ringVersion, settings: stored.description.settings };
  }

  async scanPage(request: ScanPageRequest): Promise<ScanPage> {
    const all = [...this.#find(request.map).entries.values()].filter(({ key }) => startsWithBytes(key, request.prefix));
    const start = request.cursor === undefined ? 0 : Buffer.from(request.cursor).readUInt32BE(0);
    const end = Math.min(all.length, start + Math.min(request.maxEntries, 100));
    const cursor = Buffer.alloc(4);
    cursor.writeUInt32BE(end);
    const entries = all.slice(start, end).map((entry) => (request.keysOnly ? { ...entry, value: new Uint8Array(0) } : entry));
    return pageOf(entries, end < all.length ? cursor : undefined);
  }

  async getRing(map: string): Promise<MapRing> {
    const { description, canisters, ringVersion } = this.#find(map);
    const ring = new Ring(
      ringVersion,
      canisters.map((canister) => ({ ...canister, replicaId: "replica-1" })),
    );
    return { map, mapId: description.mapId, ring, replicas: [{ replicaId: "replica-1", address: "127.0.0.1:7400" }] };
  }

  async *watchRing(map: string, signal: AbortSignal): AsyncIterable<MapRing> {
    while (!signal.aborted) {
      const changed = new Promise<void>((resolve) => {
        this.#watchers.add(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      yield await this.getRing(map);
      await changed;
    }
  }

  async splitCanister(canisterId: number, cut: Token | undefined): Promise<CanisterSplit> {
    const stored = [...this.#maps.values()].find(({ canisters }) => canisters.some((canister) => canister.canisterId === canisterId));
    const parent = stored?.canisters.find((canister) => canister.canisterId === canisterId);
    if (stored === undefined || parent === undefined) throw new BigMapError("CANISTER_NOT_FOUND", `There is no canister ${canisterId}`);
    const { start, end } = parent.range;
    const at = cut ?? { high: Math.floor((start.high + end.high) / 2), low: 0 };
    const [left, right] = cutRange(parent.range, at);
    const rightId = ++this.#canisterId;
    const place = stored.canisters.indexOf(parent);
    stored.canisters.splice(place, 1, { canisterId, range: left }, { canisterId: rightId, range: right });
    stored.ringVersion++;
    for (const wake of this.#watchers) wake();
    return { leftId: canisterId, rightId, cut: at, ringVersion: stored.ringVersion };
  }

  async getTopology(map: string | undefined): Promise<Topology> {
    const stored = map === undefined ? [...this.#maps.values()] : [this.#find(map)];
    return {
      replicas: [{ replicaId: "replica-1", address: "127.0.0.1:7400" }],
      maps: stored.map(({ description }) => description),
      canisters: stored.flatMap((each) => each.canisters.map((canister) => statusOf(each, canister))),
    };
  }

  async close(): Promise<void> {
    for (const wake of this.#watchers) wake();
  }

  #apply(batch: OperationBatch, index: number, results: ResultBatchBuilder): void {
    const operation = batch.operations[index] ?? 0;
    const kind = kindOf(operation);
    try {
      if (this.failure !== undefined) throw this.failure;
      const entries =
        kind === operationKind.put ? (this.#maps.get(batch.map) ?? this.#make(batch.map, {})).entries : this.#find(batch.map).entries;
      const key = Uint8Array.from(keyOf(batch, index));
      const name = Buffer.from(key).toString("latin1");
      const found = entries.get(name);
      assertCondition(conditionOf(operation), batch.ifVersions[index] ?? 0, found);
      if (kind === operationKind.put) {
        const entry = { key, value: Uint8Array.from(valueOf(batch, index)), version: ++this.#sequence };
        entries.set(name, entry);
        results.add(index, resultStatus.written, entry.version);
      } else if (kind === operationKind.delete) {
        results.add(index, entries.delete(name) ? resultStatus.deleted : resultStatus.nothingToDelete, 0);
      } else if (found === undefined) results.add(index, resultStatus.notFound, 0);
      else if (kind === operationKind.has) results.add(index, resultStatus.found, found.version);
      else results.addValue(index, found.version, found.value, 0, found.value.length);
    } catch (error) {
      results.addError(index, BigMapError.from(error));
    }
  }

  #make(map: string, settings: Partial<MapSettings>): StoredMap {
    const full = { canisterCapBytes: 4 * 2 ** 20, initialCanisters: 4, tokenFunction: "murmur3", ...settings } as const;
    const stored: StoredMap = {
      description: { map, mapId: this.#maps.size + 1, settings: full },
      entries: new Map(),
      canisters: evenRanges(full.initialCanisters).map((range) => ({ canisterId: ++this.#canisterId, range })),
      ringVersion: 1,
    };
    this.#maps.set(map, stored);
    return stored;
  }

  #find(map: string): StoredMap {
    const stored = this.#maps.get(map);
    if (stored === undefined) throw new BigMapError("MAP_NOT_FOUND", `There is no map "${map}"`);
    return stored;
  }
}

function assertCondition(condition: number, ifVersion: number, found: StoredEntry | undefined): void {
  const holds =
    condition === operationCondition.ifAbsent
      ? found === undefined
      : condition !== operationCondition.ifVersion || found?.version === ifVersion;
  if (!holds) throw new BigMapError("CONDITION_FAILED", "The condition does not hold", { currentVersion: found?.version ?? 0 });
}

function statusOf(stored: StoredMap, canister: { readonly canisterId: number; readonly range: HashRange }): CanisterStatus {
  const { map, mapId, settings } = stored.description;
  const own = [...stored.entries.values()].filter(({ key }) => {
    const token = tokenOf(key);
    return rangeContains(canister.range, token.high, token.low);
  });
  return {
    ...canister,
    ...sizeOf(own),
    map,
    mapId,
    epoch: 1,
    replicaId: "replica-1",
    state: "serving",
    capBytes: settings.canisterCapBytes,
    sequence: own.length,
    unsplittable: false,
    writesWaiting: false,
  };
}

function sizeOf(entries: readonly StoredEntry[]): { entries: number; bytes: number } {
  return { entries: entries.length, bytes: entries.reduce((total, { key, value }) => total + key.length + value.length + 32, 0) };
}
