import { sleep, type Clock } from "../../base/clock.js";
import { BigMapError } from "../../base/errors.js";
import type { Random } from "../../base/random.js";
import { kindChooser, type BenchKind, type Mix } from "./mix.js";
import { Recorder, type RunFigures } from "./recorder.js";
import type { RecordLog } from "./record-log.js";
import type { Records } from "./records.js";
import type { BenchRoad } from "./road.js";
import { latestChooser, scrambledZipfianChooser, uniformChooser, type Distribution, type RecordChooser } from "./zipfian.js";

/** What a run does. */
export interface RunPlan {
  readonly mix: Mix;
  readonly distribution: Distribution;
  /** Callers that each await one operation at a time. */
  readonly callers: number;
  readonly durationMs: number;
  /** A read that finds nothing is a wrong answer: everything was loaded, and nothing is deleted. */
  readonly mustFind: boolean;
}

export interface LoadGeneratorOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly records: Records;
  readonly log: RecordLog;
  readonly signal: AbortSignal;
}

const scanEntries = 100;
const failurePauseMs = 10;

/** Runs the plan on a road and measures. Failed operations are counted, not thrown. */
export async function runLoad(road: BenchRoad, plan: RunPlan, options: LoadGeneratorOptions): Promise<RunFigures> {
  const run = new Run(road, plan, options);
  const cpuBefore = process.cpuUsage();
  const startedMs = options.clock.monotonicMs();
  await Promise.all(Array.from({ length: plan.callers }, () => run.caller(startedMs + plan.durationMs)));
  const cpu = process.cpuUsage(cpuBefore);
  return run.recorder.figures(options.clock.monotonicMs() - startedMs, (cpu.user + cpu.system) / 1e6);
}

class Run {
  readonly recorder = new Recorder();
  readonly #road: BenchRoad;
  readonly #options: LoadGeneratorOptions;
  readonly #records: Records;
  readonly #mustFind: boolean;
  readonly #nextKind: () => BenchKind;
  readonly #nextRecord: RecordChooser;

  constructor(road: BenchRoad, plan: RunPlan, options: LoadGeneratorOptions) {
    this.#road = road;
    this.#options = options;
    this.#records = options.records;
    this.#mustFind = plan.mustFind;
    this.#nextKind = kindChooser(plan.mix, options.random);
    this.#nextRecord = chooserFor(plan.distribution, options.random, options.log);
  }

  async caller(endMs: number): Promise<void> {
    const { clock, signal } = this.#options;
    let beganMs = clock.monotonicMs();
    while (beganMs < endMs && !signal.aborted) {
      const kind = this.#nextKind();
      try {
        await this.#perform(kind);
        const endedMs = clock.monotonicMs();
        this.recorder.record(kind, endedMs - beganMs);
        beganMs = endedMs;
      } catch (error) {
        await this.#failed(error);
        beganMs = clock.monotonicMs();
      }
    }
  }

  #perform(kind: BenchKind): Promise<void> {
    switch (kind) {
      case "get":
        return this.#get(this.#nextRecord());
      case "has":
        return this.#has(this.#nextRecord());
      case "put":
        return this.#put(this.#nextRecord());
      case "delete":
        return this.#road.delete(this.#records.keyOf(this.#nextRecord()));
      case "insert":
        return this.#insert();
      case "rmw":
        return this.#readModifyWrite(this.#nextRecord());
      case "scan":
        return this.#road.scan(scanEntries).then(() => undefined);
    }
  }

  async #get(record: number): Promise<void> {
    const value = await this.#road.get(this.#records.keyOf(record));
    if (value === undefined) this.#missed();
    else if (!this.#records.isValueOf(record, value)) this.recorder.wrong++;
  }

  async #has(record: number): Promise<void> {
    if (!(await this.#road.has(this.#records.keyOf(record)))) this.#missed();
  }

  #put(record: number): Promise<void> {
    return this.#road.put(this.#records.keyOf(record), this.#records.valueOf(record));
  }

  /** The new record counts only when it is durable, so that "latest" never asks for one that is on its way. */
  async #insert(): Promise<void> {
    const { log } = this.#options;
    const record = log.reserve();
    await this.#put(record);
    log.commit(record);
  }

  async #readModifyWrite(record: number): Promise<void> {
    await this.#get(record);
    await this.#put(record);
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
