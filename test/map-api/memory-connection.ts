import { startsWithBytes } from "../../src/base/bytes.js";
import { BigMapError } from "../../src/base/errors.js";
import type { SessionId } from "../../src/base/ids.js";
import { isMapName, limits } from "../../src/base/limits.js";
import type { MapDescription, MapPage, MapSettings, MapStatistics, ScanPageRequest } from "../../src/base/map-backend.js";
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
import type { ScanPage } from "../../src/base/scan-page.js";
import type { Connection } from "../../src/client/connection.js";
import { cutRange, evenRanges, rangeContains } from "../../src/ring/hash-range.js";
import type { RingEntry } from "../../src/ring/ring-columns.js";
import { Ring } from "../../src/ring/ring.js";
import { compareTokens, tokenOf, type Token } from "../../src/ring/token.js";
import type { CanisterSplit, CanisterStatus, MapRing, Topology } from "../../src/ring/topology.js";
import { pageOf } from "../base/scan-entries.js";

interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly version: number;
  readonly token: Token;
}

interface StoredMap {
  readonly description: MapDescription;
  readonly entries: Map<string, StoredEntry>;
  ring: Ring;
}

const replica = { replicaId: "replica-1", address: "127.0.0.1:7400" };

/** The map backend in its simplest form, on plain Maps, with a ring that only a split by hand changes. */
export class MemoryConnection implements Connection {
  readonly #defaults: Partial<MapSettings>;
  readonly #maps = new Map<string, StoredMap>();
  readonly #watchers = new Set<() => void>();
  #lastMapId = 0;
  #lastCanisterId = 0;
  #lastVersion = 0;
  /** Set, it is the answer to every operation. */
  failure: BigMapError | undefined;

  /** `defaults`: settings of maps that are made without. */
  constructor(defaults: Partial<MapSettings> = {}) {
    this.#defaults = defaults;
  }

  submit(batch: OperationBatch, _sessionId: SessionId, sink: ResultSink): void {
    const results = new ResultBatchBuilder();
    this.apply(batch, results);
    queueMicrotask(() => sink.deliver(results.build(true)));
  }

  /** Carries out the batch at once, in order. */
  apply(batch: OperationBatch, results: ResultBatchBuilder): void {
    const writes = batch.operations.some((operation) => isUpdate(operation));
    const map = this.#maps.get(batch.map) ?? (writes ? this.#make(batch.map, {}) : undefined);
    const failure = this.failure ?? (map === undefined ? notFound(batch.map) : undefined);
    if (map === undefined || failure !== undefined) {
      for (let i = 0; i < batch.count; i++) results.addError(i, failure as BigMapError);
      return;
    }
    const failing = batch.atomic ? failingCanisters(map, batch) : new Set<number>();
    for (let i = 0; i < batch.count; i++) {
      const conflict = conflictOf(map, batch, i);
      if (conflict !== undefined) results.addError(i, conflict);
      else if (isUpdate(batch.operations[i] ?? 0) && failing.has(placeOf(map, keyOf(batch, i)))) {
        results.addError(i, new BigMapError("BATCH_ABORTED", "Another update of this canister failed"));
      } else this.#carryOut(map, batch, i, results);
    }
  }

  async createMap(map: string, settings: Partial<MapSettings>): Promise<MapDescription> {
    if (!isMapName(map)) throw new BigMapError("MAP_NAME_INVALID", `"${map}" is not a name`);
    if (this.#maps.has(map)) throw new BigMapError("MAP_EXISTS", `The map "${map}" is there already`);
    return Promise.resolve(this.#make(map, settings).description);
  }

  async listMaps(page: { readonly pageSize: number; readonly pageToken: string | undefined }): Promise<MapPage> {
    const names = [...this.#maps.keys()].sort().filter((name) => page.pageToken === undefined || name > page.pageToken);
    const chosen = names.slice(0, page.pageSize);
    const maps = chosen.map((name) => this.#find(name).description);
    return Promise.resolve({ maps, nextPageToken: names.length > chosen.length ? chosen.at(-1) : undefined });
  }

  async dropMap(map: string): Promise<void> {
    this.#find(map);
    this.#maps.delete(map);
    return Promise.resolve();
  }

  async clear(map: string): Promise<number> {
    const { entries } = this.#find(map);
    const deleted = entries.size;
    entries.clear();
    return Promise.resolve(deleted);
  }

  async stats(map: string): Promise<MapStatistics> {
    const { entries, ring, description } = this.#find(map);
    const size = sizeOf([...entries.values()]);
    return Promise.resolve({ ...size, canisters: ring.size, ringVersion: ring.version, settings: description.settings });
  }

  async scanPage(request: ScanPageRequest): Promise<ScanPage> {
    const map = this.#find(request.map);
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
    const { description, ring } = this.#find(map);
    return Promise.resolve({ map, mapId: description.mapId, ring, replicas: [replica] });
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
    for (const map of this.#maps.values()) {
      const parent = ringEntries(map.ring).find((entry) => entry.canisterId === canisterId);
      if (parent !== undefined) return Promise.resolve(this.#split(map, parent, cut));
    }
    throw new BigMapError("CANISTER_NOT_FOUND", `There is no canister ${canisterId}`);
  }

  async getTopology(map: string | undefined): Promise<Topology> {
    const stored = map === undefined ? [...this.#maps.values()] : [this.#find(map)];
    return Promise.resolve({
      replicas: [replica],
      maps: stored.map(({ description }) => description),
      canisters: stored.flatMap((each) => ringEntries(each.ring).map((entry) => statusOf(each, entry))),
    });
  }

  async close(): Promise<void> {
    for (const wake of this.#watchers) wake();
    return Promise.resolve();
  }

  #split(map: StoredMap, parent: RingEntry, cut: Token | undefined): CanisterSplit {
    const { start, end } = parent.range;
    const at = cut ?? { high: Math.floor((start.high + end.high) / 2), low: 0 };
    const [left, right] = cutRange(parent.range, at);
    const rightId = ++this.#lastCanisterId;
    const halves = [
      { ...parent, range: left },
      { ...parent, range: right, canisterId: rightId },
    ];
    const entries = ringEntries(map.ring).flatMap((entry) => (entry.canisterId === parent.canisterId ? halves : [entry]));
    map.ring = new Ring(map.ring.version + 1, entries);
    for (const wake of this.#watchers) wake();
    return { leftId: parent.canisterId, rightId, cut: at, ringVersion: map.ring.version };
  }

  #carryOut(map: StoredMap, batch: OperationBatch, index: number, results: ResultBatchBuilder): void {
    const key = Buffer.from(keyOf(batch, index));
    const entry = map.entries.get(textOf(key));
    const kind = kindOf(batch.operations[index] ?? 0);
    if (kind === operationKind.put) {
      const version = ++this.#lastVersion;
      map.entries.set(textOf(key), { key, value: Buffer.from(valueOf(batch, index)), version, token: tokenOf(key) });
      results.add(index, resultStatus.written, version);
    } else if (kind === operationKind.delete) {
      map.entries.delete(textOf(key));
      results.add(index, entry === undefined ? resultStatus.nothingToDelete : resultStatus.deleted, 0);
    } else if (entry === undefined) results.add(index, resultStatus.notFound, 0);
    else if (kind === operationKind.has) results.add(index, resultStatus.found, entry.version);
    else results.addValue(index, entry.version, entry.value, 0, entry.value.length);
  }

  #find(name: string): StoredMap {
    const map = this.#maps.get(name);
    if (map === undefined) throw notFound(name);
    return map;
  }

  #make(name: string, chosen: Partial<MapSettings>): StoredMap {
    const settings: MapSettings = {
      canisterCapBytes: limits.canisterCapDefaultBytes,
      initialCanisters: limits.initialCanistersDefault,
      tokenFunction: "murmur3",
      ...this.#defaults,
      ...chosen,
    };
    const entries = evenRanges(settings.initialCanisters).map((range) => {
      return { range, canisterId: ++this.#lastCanisterId, replicaId: replica.replicaId };
    });
    const map: StoredMap = {
      description: { map: name, mapId: ++this.#lastMapId, settings },
      entries: new Map(),
      ring: new Ring(1, entries),
    };
    this.#maps.set(name, map);
    return map;
  }
}

function notFound(name: string): BigMapError {
  return new BigMapError("MAP_NOT_FOUND", `There is no map "${name}"`);
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}

function ringEntries(ring: Ring): RingEntry[] {
  return Array.from({ length: ring.size }, (_, place) => ring.entryAt(place));
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
  return failed ? new BigMapError("CONDITION_FAILED", "The condition does not hold", { currentVersion }) : undefined;
}

function failingCanisters(map: StoredMap, batch: OperationBatch): Set<number> {
  const failing = new Set<number>();
  for (let i = 0; i < batch.count; i++) if (conflictOf(map, batch, i) !== undefined) failing.add(placeOf(map, keyOf(batch, i)));
  return failing;
}

function statusOf(map: StoredMap, { canisterId, range, replicaId }: RingEntry): CanisterStatus {
  const own = [...map.entries.values()].filter(({ token }) => rangeContains(range, token.high, token.low));
  return {
    canisterId,
    range,
    replicaId,
    ...sizeOf(own),
    map: map.description.map,
    mapId: map.description.mapId,
    epoch: 1,
    state: "serving",
    capBytes: map.description.settings.canisterCapBytes,
    sequence: own.length,
    unsplittable: false,
    writesWaiting: false,
  };
}

function sizeOf(entries: readonly StoredEntry[]): { entries: number; bytes: number } {
  const bytes = entries.reduce((total, { key, value }) => total + key.length + value.length + limits.entryOverheadBytes, 0);
  return { entries: entries.length, bytes };
}

function inRingOrder(left: StoredEntry, right: StoredEntry): number {
  return compareTokens(left.token, right.token) || Buffer.compare(left.key, right.key);
}

function cursorPlace(cursor: Uint8Array): number {
  const match = /^place (\d+)$/.exec(Buffer.from(cursor).toString("latin1"));
  if (match === null) throw new BigMapError("CURSOR_INVALID", "This is not a cursor");
  return Number(match[1]);
}
