import type { RunPlan } from "../../src/cli/bench/load-generator.js";
import type { BenchKind } from "../../src/cli/bench/mix.js";
import type { BenchRoad } from "../../src/cli/bench/road.js";
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import type { StorageEngine } from "../../src/storage/storage-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import type { SubjectKind } from "./subject.js";

const batchesInFlight = 2;
/** What a row costs in a batch beyond its key and value. */
const rowOverheadBytes = 32;
const firstKey = Buffer.alloc(1);
const lastKey = Buffer.alloc(1, 0xff);

/** Our storage engine by itself, in the driver's process. */
class RocksRoad implements BenchRoad {
  readonly name = "raw-rocksdb";
  readonly #engine: StorageEngine;

  constructor(engine: StorageEngine) {
    this.#engine = engine;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#engine.getMany([Buffer.from(key, "latin1")]))[0];
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  put(key: string, value: Uint8Array): Promise<void> {
    return this.putMany([key], [value]);
  }

  /** The store itself does not tell whether there was a row. */
  async delete(key: string): Promise<boolean> {
    const batch = new WriteBatch();
    batch.delete(Buffer.from(key, "latin1"));
    await this.#engine.write(batch, "fsync");
    return true;
  }

  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return this.#engine.getMany(keys.map((key) => Buffer.from(key, "latin1")));
  }

  putMany(keys: readonly string[], values: readonly Uint8Array[]): Promise<void> {
    const rowBytes = rowOverheadBytes + (values[0]?.length ?? 0) + (keys[0]?.length ?? 0);
    const batch = new WriteBatch(keys.length * rowBytes);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      const value = values[i] as Uint8Array;
      const buffer = batch.reservePut(key.length, value.length);
      buffer.write(key, batch.lastOffset, "latin1");
      buffer.set(value, batch.lastOffset + key.length);
    }
    return this.#engine.write(batch, "fsync");
  }

  async scan(limit: number): Promise<number> {
    const reader = this.#engine.openReader({ start: firstKey, end: lastKey });
    try {
      return (await reader.next({ maxRows: limit, maxBytes: Number.MAX_SAFE_INTEGER })).keys.length;
    } finally {
      reader.close();
    }
  }

  /** The engine belongs to whoever opened it. */
  async close(): Promise<void> {}
}

const batchOf: Partial<Record<BenchKind, BenchKind>> = { get: "batch-get", put: "batch-put" };

/** Gets and puts of N callers become batches of N, two of them in flight: no promise, no queue and no turn for each. */
export function asBatches(plan: RunPlan): RunPlan {
  const kind = plan.mix.length === 1 ? plan.mix[0]?.kind : undefined;
  const batch = kind === undefined ? undefined : batchOf[kind];
  if (batch === undefined) return plan;
  return {
    ...plan,
    mix: [{ kind: batch, share: 1 }],
    batchEntries: plan.callers,
    callers: Math.min(batchesInFlight, plan.callers),
  };
}

export const rocksdbSubject: SubjectKind = {
  name: "raw-rocksdb",
  description:
    "What the disk allows: RocksDB in the driver's own process, through the engine that BigMap stores with and its options, " +
    "without network, canisters or versions. With N callers a put is a row in a batch of N that a worker thread writes with " +
    "one fsync, and a get is a key in a multi-get of N on a reader thread, two batches in flight (one with one caller); " +
    "latencies are a batch's, and all CPU time counts as the client's",
  store: "raw-rocksdb",
  supports: (workload) => ["get", "put", "batch-get-100", "batch-put-100", "scan"].includes(workload),
  async open({ servers, bench, memoryBytes }) {
    const { engine } = await servers.get("raw-rocksdb", async () => {
      const engine = await openRocksEngine(bench.newFolder("rocksdb"), { memoryBytes });
      return { engine, close: () => engine.close() };
    });
    return {
      road: new RocksRoad(engine),
      serverPids: [],
      settings: { durability: "fsync", memoryBytes, options: "src/storage/rocksdb-engine.ts", batchesInFlight },
      adapt: asBatches,
    };
  },
};
