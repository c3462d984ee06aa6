import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ChildProcess } from "node:child_process";
import type { RunPlan } from "../../src/cli/bench/load-generator.js";
import type { BenchKind } from "../../src/cli/bench/mix.js";
import type { RunFigures } from "../../src/cli/bench/recorder.js";
import type { Loader } from "../driver/measure.js";
import type { Workbench } from "../driver/workbench.js";
import type { HostAnswer, HostRequest, HostSettings } from "./rocksdb-host.js";
import type { SubjectKind } from "./subject.js";

const program = fileURLToPath(new URL("./rocksdb-host.js", import.meta.url));
const batchesInFlight = 2;

/** Hands the load to the process that RocksDB works in, which is a driver by itself. */
export class RocksHost implements Loader {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(bench: Workbench, settings: Omit<HostSettings, "folder">): Promise<RocksHost> {
    const child = bench.fork(program, [JSON.stringify({ ...settings, folder: bench.newFolder("rocksdb") })]);
    await messageOf(child);
    return new RocksHost(child);
  }

  run(plan: RunPlan, seed: number): Promise<RunFigures> {
    return this.#ask({ run: plan, seed });
  }

  load(count: number): Promise<RunFigures> {
    return this.#ask({ load: count });
  }

  async close(): Promise<void> {
    // Not "close", which does not come after a disconnect from this side.
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    await ended;
  }

  async #ask(request: HostRequest): Promise<RunFigures> {
    const answered = messageOf(this.#child);
    this.#child.send(request);
    const answer = (await answered) as HostAnswer;
    if ("error" in answer) throw new Error(`raw-rocksdb: ${answer.error}`);
    return answer.figures;
  }
}

function messageOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onEnd = (code: number | null): void => reject(new Error(`raw-rocksdb: its process ended (${code})`));
    child.once("exit", onEnd);
    child.once("message", (message) => {
      child.off("exit", onEnd);
      resolve(message);
    });
  });
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
    "What the disk allows: RocksDB in a process with a driver of its own, through the engine that BigMap stores with and its options, " +
    "without network, canisters or versions. With N callers a put is a row in a batch of N that a worker thread writes with " +
    "one fsync, and a get is a key in a multi-get of N on a reader thread, two batches in flight (one with one caller); " +
    "latencies are a batch's, and all CPU time counts as the client's",
  store: "raw-rocksdb",
  supports: (workload) => ["get", "put", "batch-get-100", "batch-put-100", "scan"].includes(workload),
  async open({ servers, bench, memoryBytes, valueBytes, log }) {
    const settings = { memoryBytes, valueBytes, records: log.initial };
    return {
      loader: await servers.get("raw-rocksdb", () => RocksHost.start(bench, settings)),
      serverPids: [],
      settings: { durability: "fsync", memoryBytes, options: "src/storage/rocksdb-engine.ts", batchesInFlight },
      adapt: asBatches,
    };
  },
};
