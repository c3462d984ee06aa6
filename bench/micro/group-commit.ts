import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { silentLogger } from "../../src/base/logger.js";
import { CollectingSink, operationKind, resultStatus } from "../../src/base/operation-batch.js";
import { OperationBatchBuilder } from "../../src/base/operation-batch-builder.js";
import { seededRandom } from "../../src/base/random.js";
import { limits } from "../../src/base/limits.js";
import { Node } from "../../src/server/node.js";
import { MemoryEngine } from "../../src/storage/memory-engine.js";
import type { Durability, StorageEngine } from "../../src/storage/storage-engine.js";
import { sized, type MicroBenchmark, type MicroSubject, type Prepared, type Scale } from "./benchmark.js";

const memoryBytes = 256 * 2 ** 20;
const valueBytes = 100;
const sessionId = 1;

/** A replica's road from a batch to its answers, without a network. Size: operations in flight, which arrive in one turn. */
export const groupCommitBenchmarks: MicroSubject = (scale) =>
  sized(scale, [1, 16, 256], [1, 16]).flatMap((inFlight) => [
    putBenchmark(scale, "replica put, fsync", inFlight, "fsync"),
    putBenchmark(scale, "replica put, os", inFlight, "os"),
    putBenchmark(scale, "replica put, memory engine", inFlight, "memory"),
    getBenchmark(scale, inFlight),
  ]);

function putBenchmark(scale: Scale, name: string, inFlight: number, road: Durability | "memory"): MicroBenchmark {
  return {
    name,
    size: inFlight,
    operations: inFlight,
    prepare: () => prepareReplica(scale, road, (replica) => () => replica.submit(operationKind.put, inFlight)),
  };
}

/** Of entries that the replica has in its cache. */
function getBenchmark(scale: Scale, inFlight: number): MicroBenchmark {
  return {
    name: "replica get, cached",
    size: inFlight,
    operations: inFlight,
    prepare: () => prepareReplica(scale, "memory", (replica) => () => replica.submit(operationKind.get, inFlight)),
  };
}

async function prepareReplica(
  scale: Scale,
  road: Durability | "memory",
  runOf: (replica: LoadedReplica) => () => Promise<number>,
): Promise<Prepared> {
  const dataDir = await mkdtemp(join(scale.folder, "bigmap-bench-"));
  const engine: { engine?: StorageEngine } = road === "memory" ? { engine: new MemoryEngine() } : {};
  const durability = road === "os" ? "os" : "fsync";
  const config = { dataDir, canisterCapBytes: limits.canisterCapDefaultBytes, memoryBytes, durability, logLevel: "silent" } as const;
  const node = await Node.open(config, { logger: silentLogger, ...engine });
  const replica = new LoadedReplica(node, sized(scale, 10_000, 200));
  await replica.load();
  return {
    run: runOf(replica),
    close: async () => {
      await node.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const statusOf: ReadonlyMap<number, number> = new Map([
  [operationKind.put, resultStatus.written],
  [operationKind.get, resultStatus.foundValue],
]);

/** A replica with entries of one map, and batches of random ones of them. */
class LoadedReplica {
  readonly #node: Node;
  readonly #entries: number;
  readonly #random = seededRandom(1);
  readonly #value = Buffer.alloc(valueBytes, 0x76);

  constructor(node: Node, entries: number) {
    this.#node = node;
    this.#entries = entries;
  }

  async load(): Promise<void> {
    const step = 1_000;
    for (let first = 0; first < this.#entries; first += step) {
      const entries = Array.from({ length: Math.min(step, this.#entries - first) }, (_, i) => first + i);
      await this.#carryOut(operationKind.put, entries);
    }
  }

  /** Resolves to the number of operations when each is answered as it should be. */
  submit(kind: number, inFlight: number): Promise<number> {
    return this.#carryOut(
      kind,
      Array.from({ length: inFlight }, () => this.#random.below(this.#entries)),
    );
  }

  async #carryOut(kind: number, entries: readonly number[]): Promise<number> {
    const builder = new OperationBatchBuilder();
    const value = kind === operationKind.put ? this.#value : undefined;
    for (const entry of entries) builder.add(kind, `user${String(entry).padStart(16, "0")}`, value, 0);
    const sink = new CollectingSink(entries.length);
    this.#node.replica.submit(builder.build("bench"), sessionId, sink);
    const expected = statusOf.get(kind);
    for (const { status, error } of await sink.results) {
      if (status !== expected) throw new Error(`An operation was answered with status ${status}: ${error?.message ?? "no error"}`);
    }
    return entries.length;
  }
}
