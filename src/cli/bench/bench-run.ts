import type { Clock } from "../../base/clock.js";
import { seededRandom } from "../../base/random.js";
import type { BigMap } from "../../client/bigmap.js";
import type { Terminal } from "../terminal.js";
import { startProgress } from "../transfer/progress.js";
import { compareRoads, type Comparison } from "./comparison.js";
import { runLoad, type LoadGeneratorOptions } from "./load-generator.js";
import type { Mix } from "./mix.js";
import { PipeRoad } from "./pipe-road.js";
import { preload } from "./preload.js";
import { RecordLog } from "./record-log.js";
import type { RunFigures } from "./recorder.js";
import { Records } from "./records.js";
import type { BenchRoad, RoadName } from "./road.js";
import type { BenchSettings } from "./settings.js";
import { UnaryRoad } from "./unary-road.js";

/** Exactly one of the two, by the setting `road`. */
export interface BenchResult {
  readonly run: RunFigures | undefined;
  readonly comparison: Comparison | undefined;
}

/** Loads the records where that is asked for, warms up, and measures. */
export async function runBench(bigmap: BigMap, settings: BenchSettings, terminal: Terminal, quiet: boolean): Promise<BenchResult> {
  const records = new Records(settings.valueBytes);
  if (settings.load) await load(bigmap, settings, records, terminal, quiet);
  const { clock, signal } = terminal;
  const options: LoadGeneratorOptions = {
    clock,
    signal,
    records,
    random: seededRandom(settings.seed),
    log: new RecordLog(settings.records),
  };
  const roads = roadsFor(bigmap, settings, clock);
  try {
    return await measure(roads, settings, options);
  } finally {
    await Promise.all(roads.map((road) => road.close()));
  }
}

async function measure(roads: readonly BenchRoad[], settings: BenchSettings, options: LoadGeneratorOptions): Promise<BenchResult> {
  const mustFind = settings.load && settings.mix.every(({ kind }) => kind !== "delete");
  const run = (road: BenchRoad, mix: Mix, durationMs: number): Promise<RunFigures> =>
    runLoad(road, { mix, distribution: settings.distribution, callers: settings.callers, durationMs, mustFind }, options);
  if (settings.warmupMs > 0) {
    for (const road of roads) await run(road, settings.mix, settings.warmupMs / roads.length);
  }
  const [only] = roads;
  if (settings.road !== "both" && only !== undefined)
    return { run: await run(only, settings.mix, settings.durationMs), comparison: undefined };
  const turnMs = settings.durationMs / (settings.rounds * settings.mix.length * roads.length);
  return { run: undefined, comparison: await compareRoads(roads, settings.mix, settings.rounds, (road, mix) => run(road, mix, turnMs)) };
}

function roadsFor(bigmap: BigMap, settings: BenchSettings, clock: Clock): BenchRoad[] {
  const { endpoint, map } = settings;
  const make = (name: RoadName): BenchRoad => (name === "pipe" ? new PipeRoad(bigmap, map) : new UnaryRoad(endpoint, map, clock));
  return settings.road === "both" ? [make("unary"), make("pipe")] : [make(settings.road)];
}

async function load(bigmap: BigMap, settings: BenchSettings, records: Records, terminal: Terminal, quiet: boolean): Promise<void> {
  const { clock, signal, stderr } = terminal;
  const progress = startProgress({ clock, stream: stderr, label: `load ${settings.map}`, total: settings.records, quiet });
  try {
    await preload(new PipeRoad(bigmap, settings.map), records, settings.records, {
      signal,
      onProgress: (done) => progress.update({ done, entries: done, bytes: done * settings.valueBytes }),
    });
  } finally {
    progress.stop();
  }
}
