import { Records } from "../../src/cli/bench/records.js";
import type { BigMap } from "../../src/client/bigmap.js";
import type { Cell } from "../driver/measure.js";
import type { Measurement } from "../driver/results.js";
import { fillBatchEntries } from "./fill-batches.js";
import { Filler } from "./filler.js";
import { load, mapName, measureInRounds, openStage, targetOf, type GrowthPoint, type GrowthRun, type Scenario } from "./growth-run.js";

const valueBytes = 100;
const tokenHighs = 2 ** 32;

interface SplittingPoint extends GrowthPoint {
  /** During measurements, and their warm-ups. */
  splits: number;
  readonly filler: Filler;
}

/** The same load and the same fill on a map that splits all the while, and on one that need not. */
export const splittingScenario: Scenario = async (run) => {
  const { callers, memoryBytes } = run.settings;
  const { canisterCapBytes, fillPerSecond, ranges } = run.settings.splitting;
  const [quiet, splitting] = await Promise.all([openPoint(run, "none", undefined), openPoint(run, "continuous", canisterCapBytes)]);
  const cells = (["get", "put"] as const).map((workload): Cell => ({ workload, distribution: "uniform", valueBytes, callers }));
  await measureInRounds(run, "splitting", cells, [quiet, splitting]);
  for (const { filler } of [quiet, splitting]) await filler.close();
  const figures = ({ splits, filler }: SplittingPoint) => ({ splits, fillPerSecond: Math.round(filler.entriesPerSecond) });
  run.say(`  splits: ${quiet.splits} with none, ${splitting.splits} with continuous`);
  return {
    how:
      `both maps begin with ${ranges} canisters whose widths grow from 1 to 2 in equal ratios, so that they do not fill up at the same ` +
      `moment; a client in another process writes ${fillPerSecond} new entries a second in batches of ${fillBatchEntries} ` +
      "during every measurement, and the server's CPU time holds what these cost",
    memoryBytes,
    canisterCapBytes: { none: "default, 4 GiB", continuous: canisterCapBytes },
    none: figures(quiet),
    continuous: figures(splitting),
  };
};

async function openPoint(run: GrowthRun, value: string, canisterCapBytes: number | undefined): Promise<SplittingPoint> {
  const { records: count, ranges, fillPerSecond } = run.settings.splitting;
  const records = new Records(valueBytes);
  const stage = await openStage(run, {}, { initialCanisters: 1, ...(canisterCapBytes === undefined ? {} : { canisterCapBytes }) });
  const { client, address } = stage.server;
  await cutUnevenly(client, ranges);
  const target = targetOf(stage, records, count);
  await load(run, stage, records, count);
  const filling = { address, map: mapName, valueBytes, firstRecord: count, entriesPerSecond: fillPerSecond, background: false };
  const filler = await Filler.start(run.bench, filling);
  const around = async (measured: () => Promise<Measurement>): Promise<Measurement> => {
    const before = await canistersOf(client);
    const measurement = await filler.during(measured);
    point.splits += (await canistersOf(client)) - before;
    return measurement;
  };
  const point: SplittingPoint = { target, value, around, isNeverQuiet: true, splits: 0, filler };
  return point;
}

/** Keys are spread evenly, so that canisters of one width would split in waves; widths over one octave keep splits apart for good. */
async function cutUnevenly(client: BigMap, ranges: number): Promise<void> {
  const widths = Array.from({ length: ranges }, (_, i) => 2 ** (i / ranges));
  const sum = widths.reduce((total, width) => total + width, 0);
  let { canisterId } = (await client.ring(mapName)).ring.entryAt(0);
  let share = 0;
  for (const width of widths.slice(0, -1)) {
    share += width / sum;
    const cut = { high: Math.floor(share * tokenHighs), low: 0 };
    canisterId = (await client.splitCanister(canisterId, { cut })).rightId;
  }
}

async function canistersOf(client: BigMap): Promise<number> {
  return (await client.ring(mapName)).ring.size;
}
