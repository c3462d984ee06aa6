import { Recorder, type RunFigures } from "./recorder.js";
import type { Records } from "./records.js";
import type { BenchRoad } from "./road.js";

const batchMaxEntries = 500;
const batchMaxBytes = 512 * 1024;
export const batchesInFlight = 8;

export interface PreloadOptions {
  readonly signal: AbortSignal;
  /** Entries a batch; by default up to 500, and up to 512 KiB. */
  readonly batchEntries?: number;
  /** Which record is the i-th; by default record i. */
  readonly recordAt?: (i: number) => number;
  readonly onProgress?: (done: number) => void;
}

/** Writes `count` records in batches, 8 of them in flight, and tells how that went. Rejects with the first error. */
export async function preload(road: BenchRoad, records: Records, count: number, options: PreloadOptions): Promise<RunFigures> {
  const fitting = Math.max(1, Math.min(batchMaxEntries, Math.floor(batchMaxBytes / (records.valueBytes + 16))));
  const batchEntries = options.batchEntries ?? fitting;
  const recordAt = options.recordAt ?? ((i: number) => i);
  const recorder = new Recorder();
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      options.signal.throwIfAborted();
      const start = next;
      next = Math.min(count, start + batchEntries);
      const numbers = Array.from({ length: next - start }, (_, i) => recordAt(start + i));
      const beganMs = performance.now();
      await road.putMany(
        numbers.map((record) => records.keyOf(record)),
        numbers.map((record) => records.valueOf(record)),
      );
      recorder.record("batch-put", performance.now() - beganMs, numbers.length);
      done += numbers.length;
      options.onProgress?.(done);
    }
  };
  await Promise.all(Array.from({ length: batchesInFlight }, worker));
  const cpu = process.cpuUsage(cpuBefore);
  return recorder.figures(performance.now() - startedMs, (cpu.user + cpu.system) / 1e6);
}
