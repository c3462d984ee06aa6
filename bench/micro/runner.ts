import { Bench } from "tinybench";
import type { MicroRow } from "../report/results.js";
import type { MicroBenchmark, Prepared } from "./benchmark.js";

export interface Timing {
  /** Of the timed runs of one benchmark together, at least. */
  readonly timeMs: number;
  readonly warmupMs: number;
  /** Timed samples of one benchmark, at least. */
  readonly samplesMin: number;
  /** For so long it is tried how long a synchronous run takes when it is warm. */
  readonly calibrationMs: number;
  /** A synchronous run is repeated until a sample lasts so long, so that the clock's own cost does not show. */
  readonly sampleMinMs: number;
}

export const fullTiming: Timing = { timeMs: 300, warmupMs: 150, samplesMin: 20, calibrationMs: 30, sampleMinMs: 0.05 };
export const smokeTiming: Timing = { timeMs: 1, warmupMs: 0, samplesMin: 3, calibrationMs: 0, sampleMinMs: 0 };

/** Sum of what the runs returned. */
let sink = 0;

/** Prepares, times and closes one benchmark. Rejects with what the benchmark failed with. */
export async function runBenchmark(benchmark: MicroBenchmark, timing: Timing): Promise<MicroRow> {
  const prepared = await benchmark.prepare();
  try {
    return await time(benchmark, prepared, timing);
  } finally {
    await prepared.close?.();
  }
}

async function time(benchmark: MicroBenchmark, prepared: Prepared, timing: Timing): Promise<MicroRow> {
  const { name, size } = benchmark;
  const bench = new Bench({
    time: timing.timeMs,
    iterations: timing.samplesMin,
    warmup: timing.warmupMs > 0,
    warmupTime: timing.warmupMs,
    warmupIterations: 1,
    timestampProvider: "hrtimeNow",
    throws: true,
  });
  const beforeEach = prepared.beforeEach?.bind(prepared);
  beforeEach?.();
  const isAsync = typeof (await take(prepared)) !== "number";
  const repeats = isAsync || beforeEach !== undefined ? 1 : repeatsOf(prepared, timing);
  const options = { async: isAsync, ...(beforeEach === undefined ? {} : { beforeEach }) };
  bench.add(name, isAsync ? () => takeLater(prepared) : () => repeat(prepared, repeats), options);
  await bench.run();
  const result = bench.tasks[0]?.result;
  if (result?.state !== "completed") throw new Error(`The benchmark "${name}" ended as ${result?.state ?? "nothing"}`);
  if (Number.isNaN(sink)) throw new Error(`The benchmark "${name}" returned something that is no number`);
  const operations = benchmark.operations * repeats;
  const nanosecondsPerOperation = (result.latency.mean * 1e6) / operations;
  return {
    name,
    size,
    operationsPerSecond: 1e9 / nanosecondsPerOperation,
    nanosecondsPerOperation,
    p99Nanoseconds: (result.latency.p99 * 1e6) / operations,
    samples: result.latency.samplesCount,
    ...(prepared.bytesPerRange === undefined ? {} : { bytesPerRange: prepared.bytesPerRange }),
  };
}

/** Calls once; a promise is settled before this resolves, and stays recognisable. */
async function take(prepared: Prepared): Promise<number | "promise"> {
  const taken = prepared.run();
  if (typeof taken === "number") return taken;
  await taken;
  return "promise";
}

async function takeLater(prepared: Prepared): Promise<void> {
  sink += await prepared.run();
}

function repeat(prepared: Prepared, times: number): void {
  for (let i = 0; i < times; i++) sink += prepared.run() as number;
}

/** How often to run, so that a sample lasts long enough once the code is warm. */
function repeatsOf(prepared: Prepared, { calibrationMs, sampleMinMs }: Timing): number {
  const startMs = performance.now();
  let [runs, lastMs] = [0, startMs];
  let runMs = Infinity;
  do {
    sink += prepared.run() as number;
    runs++;
    const nowMs = performance.now();
    runMs = Math.min(runMs, nowMs - lastMs);
    lastMs = nowMs;
  } while (lastMs - startMs < calibrationMs);
  // The clock may stand still during a short run.
  return Math.max(1, Math.ceil(sampleMinMs / Math.max(runMs, (lastMs - startMs) / runs / 10)));
}
