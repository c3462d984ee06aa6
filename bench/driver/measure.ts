import { systemClock } from "../../src/base/clock.js";
import { seededRandom } from "../../src/base/random.js";
import { runLoad, type RunPlan } from "../../src/cli/bench/load-generator.js";
import { parseMix, ycsbWorkloads, type Mix } from "../../src/cli/bench/mix.js";
import { batchesInFlight, preload } from "../../src/cli/bench/preload.js";
import type { RecordLog } from "../../src/cli/bench/record-log.js";
import type { RunFigures } from "../../src/cli/bench/recorder.js";
import type { Records } from "../../src/cli/bench/records.js";
import type { BenchRoad } from "../../src/cli/bench/road.js";
import { OnceChooser, type Distribution } from "../../src/cli/bench/zipfian.js";
import { cpuSecondsOf, machineIsQuiet, residentBytesOf } from "./process-usage.js";
import type { Measurement, SubjectName, WorkloadName } from "./results.js";

/** What can be run again and again on loaded records. */
export type RunWorkload = Exclude<WorkloadName, "load" | "import" | "parse">;

/** The mix of each workload. YCSB's letters are as its core workloads; E needs scans in key order. */
const mixes: Readonly<Record<RunWorkload, string>> = {
  get: "get",
  put: "put",
  delete: "delete",
  "batch-get-100": "batch-get",
  "batch-put-100": "batch-put",
  scan: "scan",
  "ycsb-a": ycsbWorkloads.a.mix,
  "ycsb-b": ycsbWorkloads.b.mix,
  "ycsb-c": ycsbWorkloads.c.mix,
  "ycsb-d": ycsbWorkloads.d.mix,
  "ycsb-f": ycsbWorkloads.f.mix,
};

export const runWorkloads = Object.keys(mixes) as RunWorkload[];

/** What carries out the load, in this process or in another one; its CPU time counts as the client's. */
export interface Loader {
  /** `once`: which records, each once, where the plan deletes. */
  run(plan: RunPlan, seed: number, signal: AbortSignal, once: OnceChooser | undefined): Promise<RunFigures>;
  /** Writes `count` records, the i-th of which is `recordAt(i)`, by default i. */
  load(count: number, signal: AbortSignal, recordAt?: (i: number) => number): Promise<RunFigures>;
}

/** Through a road in this process. */
export class RoadLoader implements Loader {
  readonly #road: BenchRoad;
  readonly #records: Records;
  readonly #log: RecordLog;

  constructor(road: BenchRoad, records: Records, log: RecordLog) {
    this.#road = road;
    this.#records = records;
    this.#log = log;
  }

  run(plan: RunPlan, seed: number, signal: AbortSignal, once: OnceChooser | undefined): Promise<RunFigures> {
    const chooser = once === undefined ? {} : { chooseRecord: () => once.next() };
    const options = { clock: systemClock, random: seededRandom(seed), records: this.#records, log: this.#log, signal };
    return runLoad(this.#road, plan, { ...options, ...chooser });
  }

  load(count: number, signal: AbortSignal, recordAt: (i: number) => number = (i) => i): Promise<RunFigures> {
    return preload(this.#road, this.#records, count, { signal, batchEntries: loadBatchEntries, recordAt });
  }
}

const loadBatchEntries = 100;

/** Something that answers, with records 0 up to `log.present` in it. */
export interface Target {
  readonly subject: SubjectName;
  readonly loader: Loader;
  /** Whose CPU time and memory are the server's; none where the store works in the loader's process. */
  readonly serverPids: readonly number[];
  readonly log: RecordLog;
  /** Where the subject has another way to the same thing: see raw-rocksdb. */
  readonly adapt?: (plan: RunPlan) => RunPlan;
}

/** One load. `distribution`: of the records that are chosen; YCSB D, deletes and scans have their own. */
export interface Cell {
  readonly workload: RunWorkload;
  readonly distribution: "uniform" | "zipfian";
  readonly valueBytes: number;
  readonly callers: number;
}

export interface MeasureOptions {
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Longest wait for the machine to come to rest before the run. */
  readonly restSeconds: number;
  readonly round: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly vary?: Measurement["vary"];
}

/** The distribution that is really used, for the record. */
export function distributionOf(cell: Pick<Cell, "workload" | "distribution">): string {
  if (cell.workload === "delete") return "each once";
  if (cell.workload === "scan") return "none";
  return cell.workload === "ycsb-d" ? ycsbWorkloads.d.distribution : cell.distribution;
}

/**
 * Warms up, waits until the machine is at rest, and runs one load on one target. Deleted records are written back
 * afterwards. Operations are entries, not batches; latencies are those of whole calls, from the call to its answer.
 */
export async function measure(target: Target, cell: Cell, options: MeasureOptions): Promise<Measurement> {
  const { loader, log, serverPids } = target;
  const { signal } = options;
  const once = cell.workload === "delete" ? new OnceChooser(log.present) : undefined;
  const seed = options.seed + options.round * seedsPerRound;
  const run = (seconds: number, ofRun: number): Promise<RunFigures> =>
    loader.run(planOf(target, cell, seconds * 1000), ofRun, signal, once);
  const restore = async (): Promise<void> => {
    if (once === undefined) return;
    await loader.load(once.taken, signal, (i) => once.recordAt(i));
    once.taken = 0;
  };
  if (options.warmupSeconds > 0) await run(options.warmupSeconds, seed + 1);
  await restore();
  await machineIsQuiet(options.restSeconds * 1000);
  const cpuBefore = cpuSecondsOf(serverPids);
  const figures = await run(options.seconds, seed);
  const server = { cpuSeconds: cpuSecondsOf(serverPids) - cpuBefore, residentBytes: residentBytesOf(serverPids) };
  await restore();
  const where = { ...cell, distribution: distributionOf(cell), round: options.round };
  return measurementOf(target, options.vary === undefined ? where : { ...where, vary: options.vary }, figures, server);
}

/** Writes all records and measures that: batches of 100, 8 of them in flight. The first error ends it. */
export async function measureLoad(target: Target, valueBytes: number, signal: AbortSignal): Promise<Measurement> {
  const { loader, log, serverPids } = target;
  const cpuBefore = cpuSecondsOf(serverPids);
  const figures = await loader.load(log.initial, signal);
  const server = { cpuSeconds: cpuSecondsOf(serverPids) - cpuBefore, residentBytes: residentBytesOf(serverPids) };
  const where = { workload: "load", distribution: "none", valueBytes, callers: batchesInFlight, round: 0 } as const;
  return measurementOf(target, where, figures, server);
}

const seedsPerRound = 1000;

function planOf(target: Target, cell: Cell, durationMs: number): RunPlan {
  const mix: Mix = parseMix(mixes[cell.workload]);
  const distribution: Distribution = cell.workload === "ycsb-d" ? ycsbWorkloads.d.distribution : cell.distribution;
  const plan: RunPlan = { mix, distribution, callers: cell.callers, durationMs, mustFind: true };
  return target.adapt?.(plan) ?? plan;
}

type Where = Pick<Measurement, "workload" | "distribution" | "valueBytes" | "callers" | "round" | "vary">;

function measurementOf(
  { subject, log }: Target,
  where: Where,
  { operations, elapsedMs, operationsPerSecond, latency, clientCpuSeconds, errors, wrong }: RunFigures,
  server: { readonly cpuSeconds: number; readonly residentBytes: number },
): Measurement {
  const perMillion = (seconds: number): number => (operations === 0 ? 0 : rounded((seconds * 1e6) / operations));
  return {
    subject,
    ...where,
    records: log.initial,
    operations,
    elapsedMs: rounded(elapsedMs),
    operationsPerSecond: rounded(operationsPerSecond),
    p50Us: rounded(latency.p50Us),
    p99Us: rounded(latency.p99Us),
    p999Us: rounded(latency.p999Us),
    clientCpuSecondsPerMillion: perMillion(clientCpuSeconds),
    serverCpuSecondsPerMillion: perMillion(server.cpuSeconds),
    serverResidentBytes: server.residentBytes,
    errors: Object.values(errors).reduce((sum, count) => sum + count, 0),
    wrong,
  };
}

/** More digits than a measurement has. */
function rounded(figure: number): number {
  return Math.round(figure * 1000) / 1000;
}
