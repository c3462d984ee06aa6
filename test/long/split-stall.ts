import { build, type Histogram } from "hdr-histogram-js";
import { setMaxListeners } from "node:events";
import { systemClock } from "../../src/base/clock.js";
import { assert } from "../../src/base/errors.js";
import { BigMap } from "../../src/client/bigmap.js";
import { bytes, utf8 } from "../../src/client/codec.js";
import { byKey, History, type Operation } from "../check/history.js";
import { findViolations, formatViolation } from "../check/linearizability.js";
import { recount } from "../check/recount.js";
import type { RunReport } from "./record.js";
import { ServerProcess } from "./server-process.js";
import { SplitLoop, type SplitSpan } from "./split-loop.js";
import { Workload } from "./workload.js";

export interface SplitUnderLoadOptions {
  readonly seed: number;
  readonly splits: number;
  readonly callers: number;
  readonly dataDir: string;
}

interface Latencies {
  readonly operations: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export interface SplitStall {
  /** Operations during any part of which a split was under way. */
  readonly overlapping: Latencies;
  readonly others: Latencies;
}

const mapName = "load";

/** Callers of every sort on one server while the fullest canister is split, again and again; the history is checked per key. */
export async function runSplitUnderLoad(options: SplitUnderLoadOptions): Promise<RunReport & { readonly stall: SplitStall }> {
  const server = await ServerProcess.start({ dataDir: options.dataDir, canisterCap: "1MiB", memory: "64MiB" });
  assert(server !== undefined, "a server without a crash point runs once it was started");
  try {
    const bigmap = await BigMap.connect({ endpoints: [server.address] });
    const report = await measure(bigmap, options);
    await bigmap.close();
    return report;
  } finally {
    await server.stop();
  }
}

async function measure(bigmap: BigMap, options: SplitUnderLoadOptions): Promise<RunReport & { readonly stall: SplitStall }> {
  const { seed, callers, splits } = options;
  const history = new History(systemClock);
  const workload = new Workload(history, { seed, callers, sharedKeys: 64, ownKeysPerCaller: 200, counters: 4, valueMaxBytes: 500 });
  const splitLoop = new SplitLoop();
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  await bigmap.createMap(mapName);
  const callersDone = workload.run(bigmap.map(mapName, { value: utf8 }), "own", stop.signal);
  await splitLoop.run(bigmap, mapName, splits, stop.signal);
  stop.abort();
  await callersDone;
  const operations = history.operations();
  const stall = stallOf(operations, splitLoop.spans);
  const violations = findViolations(byKey(operations)).map(formatViolation);
  const { canisters } = await bigmap.topology(mapName);
  violations.push(...(await recount(bigmap.map(mapName, { key: bytes, value: bytes }).scan(), canisters)));
  const splitMs = summaryOf(splitLoop.spans.map(({ startMs, endMs }) => endMs - startMs));
  const figures = { splits: splitLoop.spans.length, refusedSplits: splitLoop.refused, canisters: canisters.length, splitMs, ...stall };
  return { settings: { seed, callers, splits }, figures, violations, stall };
}

function stallOf(operations: readonly Operation[], spans: readonly SplitSpan[]): SplitStall {
  const overlapping: number[] = [];
  const others: number[] = [];
  let next = 0;
  for (const { invokedMs, durationMs } of operations) {
    // Operations come in the order of their invocation, splits in that of their time.
    while (next < spans.length && (spans[next]?.endMs ?? 0) < invokedMs) next++;
    const span = spans[next];
    (span !== undefined && span.startMs <= invokedMs + durationMs ? overlapping : others).push(durationMs);
  }
  return { overlapping: summaryOf(overlapping), others: summaryOf(others) };
}

function summaryOf(durationsMs: readonly number[]): Latencies {
  const histogram: Histogram = build({ numberOfSignificantValueDigits: 3 });
  for (const durationMs of durationsMs) histogram.recordValue(Math.max(1, Math.round(durationMs * 1000)));
  const at = (percentile: number): number => (durationsMs.length === 0 ? 0 : histogram.getValueAtPercentile(percentile) / 1000);
  return { operations: durationsMs.length, p50Ms: at(50), p99Ms: at(99), p999Ms: at(99.9), maxMs: at(100) };
}
