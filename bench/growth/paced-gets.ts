import { setTimeout as delay } from "node:timers/promises";
import { BigMapError } from "../../src/base/errors.js";
import { seededRandom } from "../../src/base/random.js";
import type { RunPlan } from "../../src/cli/bench/load-generator.js";
import type { RecordLog } from "../../src/cli/bench/record-log.js";
import { Recorder, type RunFigures } from "../../src/cli/bench/recorder.js";
import type { Records } from "../../src/cli/bench/records.js";
import type { BenchRoad } from "../../src/cli/bench/road.js";
import { uniformChooser } from "../../src/cli/bench/zipfian.js";
import type { Loader } from "../driver/measure.js";

/** How often it looks which gets are due. */
const tickMs = 1;

/**
 * Open loop: uniform gets at a fixed pace, whether or not those before are answered. A latency counts from the moment at
 * which the get was due, so that nothing is left out when the server, or this process, is late; it holds the wait for the
 * next tick, of about a millisecond. The plan's callers are not used.
 */
export class PacedGets implements Loader {
  readonly #road: BenchRoad;
  readonly #records: Records;
  readonly #log: RecordLog;
  readonly #perSecond: number;

  constructor(road: BenchRoad, records: Records, log: RecordLog, perSecond: number) {
    this.#road = road;
    this.#records = records;
    this.#log = log;
    this.#perSecond = perSecond;
  }

  async run({ durationMs }: RunPlan, seed: number, signal: AbortSignal): Promise<RunFigures> {
    const recorder = new Recorder();
    const chooseRecord = uniformChooser(seededRandom(seed), this.#log.present);
    const total = Math.max(1, Math.floor((this.#perSecond * durationMs) / 1000));
    const cpuBefore = process.cpuUsage();
    const startedMs = performance.now();
    const pending = new Set<Promise<void>>();
    let begun = 0;
    while (begun < total && !signal.aborted) {
      const due = Math.min(total, Math.floor(((performance.now() - startedMs) * this.#perSecond) / 1000));
      if (due > begun) {
        const batch = this.#gets(recorder, chooseRecord, due - begun, (i) => startedMs + ((i + 1) * 1000) / this.#perSecond, begun);
        begun = due;
        pending.add(batch);
        void batch.then(() => pending.delete(batch));
      }
      await delay(tickMs);
    }
    await Promise.all(pending);
    const cpu = process.cpuUsage(cpuBefore);
    return recorder.figures(performance.now() - startedMs, (cpu.user + cpu.system) / 1e6);
  }

  load(): Promise<RunFigures> {
    return Promise.reject(new TypeError("A paced load only reads"));
  }

  /** The gets that are due at one tick. */
  async #gets(recorder: Recorder, chooseRecord: () => number, count: number, dueMs: (i: number) => number, first: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, i) => this.#get(recorder, chooseRecord(), dueMs(first + i))));
  }

  async #get(recorder: Recorder, record: number, dueMs: number): Promise<void> {
    try {
      const value = await this.#road.get(this.#records.keyOf(record));
      if (value === undefined || value === null) recorder.misses++;
      if (value === undefined || value === null || !this.#records.looksLikeValueOf(record, value)) recorder.wrong++;
      recorder.record("get", performance.now() - dueMs, 1);
    } catch (error) {
      recorder.fail(BigMapError.from(error).code);
    }
  }
}
