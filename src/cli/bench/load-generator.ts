import { sleep, type Clock } from "../../base/clock.js";
import { BigMapError } from "../../base/errors.js";
import type { Random } from "../../base/random.js";
import { kindChooser, type BenchKind, type Mix } from "./mix.js";
import { Recorder, type RunFigures } from "./recorder.js";
import type { RecordLog } from "./record-log.js";
import type { Records } from "./records.js";
import type { BenchRoad, Found } from "./road.js";
import { latestChooser, noRecord, scrambledZipfianChooser, uniformChooser, type Distribution, type RecordChooser } from "./zipfian.js";

/** What a run does. */
export interface RunPlan {
  readonly mix: Mix;
  readonly distribution: Distribution;
  /** Callers that each await one step at a time. */
  readonly callers: number;
  readonly durationMs: number;
  /** A read or a delete that finds nothing is a wrong answer: everything was loaded, and nothing is deleted twice. */
  readonly mustFind: boolean;
  /** Whether read values are compared with what their keys must have, or only their lengths (for a server that stores nothing). */
  readonly check?: "values" | "lengths";
  /** Entries of a batch and of a scan; 100 by default. */
  readonly batchEntries?: number;
}

export interface LoadGeneratorOptions {
  readonly random: Random;
  readonly records: Records;
  readonly log: RecordLog;
  readonly signal: AbortSignal;
  /** For the pause after a failure. */
  readonly clock: Clock;
  /** Instead of the plan's distribution. Callers end where it says `noRecord`. */
  readonly chooseRecord?: RecordChooser;
  /** Milliseconds on some clock that never goes back; by default the system's, asked without a detour. */
  readonly nowMs?: () => number;
}

const defaultBatchEntries = 100;
const failurePauseMs = 10;

/** Runs the plan on a road and measures. Failed steps are counted, not thrown. */
export async function runLoad(road: BenchRoad, plan: RunPlan, options: LoadGeneratorOptions): Promise<RunFigures> {
  const run = new Run(road, plan, options);
  const nowMs = options.nowMs ?? monotonicMs;
  const cpuBefore = process.cpuUsage();
  const startedMs = nowMs();
  await Promise.all(Array.from({ length: plan.callers }, () => run.caller(startedMs + plan.durationMs)));
  const cpu = process.cpuUsage(cpuBefore);
  return run.recorder.figures(nowMs() - startedMs, (cpu.user + cpu.system) / 1e6);
}

function monotonicMs(): number {
  return performance.now();
}

/**
 * What the callers share. HOT: a get or a put costs its own promise, the caller's await, two draws and a look at the
 * clock; anything more would hide the differences between what is measured.
 */
class Run {
  readonly recorder = new Recorder();
  readonly #road: BenchRoad;
  readonly #options: LoadGeneratorOptions;
  readonly #records: Records;
  readonly #nowMs: () => number;
  readonly #mustFind: boolean;
  readonly #checksValues: boolean;
  readonly #batchEntries: number;
  readonly #nextKind: () => BenchKind;
  readonly #nextRecord: RecordChooser;

  constructor(road: BenchRoad, plan: RunPlan, options: LoadGeneratorOptions) {
    this.#road = road;
    this.#options = options;
    this.#records = options.records;
    this.#nowMs = options.nowMs ?? monotonicMs;
    this.#mustFind = plan.mustFind;
    this.#checksValues = plan.check !== "lengths";
    this.#batchEntries = plan.batchEntries ?? defaultBatchEntries;
    this.#nextKind = kindChooser(plan.mix, options.random);
    this.#nextRecord = options.chooseRecord ?? chooserFor(plan.distribution, options.random, options.log);
  }

  /** Until then, but one step at least: a busy machine may take the whole of a short time before it begins. */
  async caller(endMs: number): Promise<void> {
    const { signal } = this.#options;
    const road = this.#road;
    const records = this.#records;
    const nowMs = this.#nowMs;
    let beganMs = nowMs();
    for (let isFirst = true; (isFirst || beganMs < endMs) && !signal.aborted; isFirst = false) {
      const kind = this.#nextKind();
      let entries = 1;
      try {
        if (kind === "get") {
          const record = this.#nextRecord();
          this.#look(record, await road.get(records.keyOf(record)));
        } else if (kind === "put") {
          const record = this.#nextRecord();
          await road.put(records.keyOf(record), records.valueOf(record));
        } else {
          entries = await this.#perform(kind);
          if (entries === noRecord) return;
        }
        const endedMs = nowMs();
        this.recorder.record(kind, endedMs - beganMs, entries);
        beganMs = endedMs;
      } catch (error) {
        await this.#failed(error);
        beganMs = nowMs();
      }
    }
  }

  /** The rarer and the larger steps; the number of entries touched, or `noRecord` where nothing is left to touch. */
  #perform(kind: Exclude<BenchKind, "get" | "put">): Promise<number> | number {
    switch (kind) {
      case "has":
        return this.#has(this.#nextRecord());
      case "delete":
        return this.#delete(this.#nextRecord());
      case "insert":
        return this.#insert();
      case "rmw":
        return this.#readModifyWrite(this.#nextRecord());
      case "scan":
        return this.#road.scan(this.#batchEntries);
      case "batch-get":
        return this.#getMany();
      case "batch-put":
        return this.#putMany();
    }
  }

  async #has(record: number): Promise<number> {
    if (!(await this.#road.has(this.#records.keyOf(record)))) this.#missed();
    return 1;
  }

  async #delete(record: number): Promise<number> {
    if (record === noRecord) return noRecord;
    if (!(await this.#road.delete(this.#records.keyOf(record)))) this.#missed();
    return 1;
  }

  /** The new record counts only when it is durable, so that "latest" never asks for one that is on its way. */
  async #insert(): Promise<number> {
    const { log } = this.#options;
    const record = log.reserve();
    await this.#road.put(this.#records.keyOf(record), this.#records.valueOf(record));
    log.commit(record);
    return 1;
  }

  async #readModifyWrite(record: number): Promise<number> {
    const key = this.#records.keyOf(record);
    this.#look(record, await this.#road.get(key));
    await this.#road.put(key, this.#records.valueOf(record));
    return 1;
  }

  async #getMany(): Promise<number> {
    const numbers = this.#batch();
    const values = await this.#road.getMany(numbers.map((record) => this.#records.keyOf(record)));
    for (let i = 0; i < numbers.length; i++) this.#look(numbers[i] as number, values[i]);
    return numbers.length;
  }

  async #putMany(): Promise<number> {
    const numbers = this.#batch();
    await this.#road.putMany(
      numbers.map((record) => this.#records.keyOf(record)),
      numbers.map((record) => this.#records.valueOf(record)),
    );
    return numbers.length;
  }

  #batch(): number[] {
    const numbers: number[] = [];
    for (let i = 0; i < this.#batchEntries; i++) numbers.push(this.#nextRecord());
    return numbers;
  }

  #look(record: number, value: Found): void {
    if (value === undefined || value === null) this.#missed();
    else if (this.#checksValues ? !this.#records.looksLikeValueOf(record, value) : value.length !== this.#records.valueBytes)
      this.recorder.wrong++;
  }

  #missed(): void {
    this.recorder.misses++;
    if (this.#mustFind) this.recorder.wrong++;
  }

  /** A failing server is not asked again at once: a tight loop of failures would measure the loop. */
  async #failed(error: unknown): Promise<void> {
    this.recorder.fail(BigMapError.from(error).code);
    await sleep(this.#options.clock, failurePauseMs);
  }
}

function chooserFor(distribution: Distribution, random: Random, log: RecordLog): RecordChooser {
  if (distribution === "latest") return latestChooser(random, () => log.present);
  const chooser = distribution === "uniform" ? uniformChooser : scrambledZipfianChooser;
  return chooser(random, log.present);
}
