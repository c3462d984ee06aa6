import { systemClock } from "../../src/base/clock.js";
import { seededRandom } from "../../src/base/random.js";
import { runLoad } from "../../src/cli/bench/load-generator.js";
import { parseMix } from "../../src/cli/bench/mix.js";
import { RecordLog } from "../../src/cli/bench/record-log.js";
import type { Records } from "../../src/cli/bench/records.js";
import type { BenchRoad } from "../../src/cli/bench/road.js";

/** Answers at once, from nowhere. What an operation costs here is the driver's own. */
class InstantRoad implements BenchRoad {
  readonly name = "instant";
  readonly #value: Uint8Array;

  constructor(value: Uint8Array) {
    this.#value = value;
  }

  get(): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#value);
  }
  has(): Promise<boolean> {
    return Promise.resolve(true);
  }
  put(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
  delete(): Promise<boolean> {
    return Promise.resolve(true);
  }
  getMany(keys: readonly string[]): Promise<Uint8Array[]> {
    return Promise.resolve(keys.map(() => this.#value));
  }
  putMany(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
  scan(limit: number): Promise<number> {
    return Promise.resolve(limit);
  }
  async close(): Promise<void> {}
}

/** Microseconds of CPU that one get costs the driver itself: to choose, to wait, to check and to record. */
export async function driverCostUs(records: Records, recordCount: number, durationMs: number): Promise<number> {
  const road = new InstantRoad(records.valueOf(0));
  const options = {
    clock: systemClock,
    random: seededRandom(1),
    records,
    log: new RecordLog(recordCount),
    signal: new AbortController().signal,
  };
  const plan = { mix: parseMix("get"), distribution: "zipfian", callers: 256, mustFind: true, check: "lengths" } as const;
  await runLoad(road, { ...plan, durationMs: durationMs / 4 }, options);
  const { clientCpuSeconds, operations } = await runLoad(road, { ...plan, durationMs }, options);
  return (clientCpuSeconds * 1e6) / Math.max(1, operations);
}
