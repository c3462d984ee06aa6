import { statfs } from "node:fs/promises";
import { formatSizeBytes } from "../../src/base/bytes.js";
import { limits } from "../../src/base/limits.js";
import { Records } from "../../src/cli/bench/records.js";
import type { Cell } from "../driver/measure.js";
import type { SettingValue } from "../driver/results.js";
import { perSecondText } from "../peers/table.js";
import {
  load,
  measureInRounds,
  openStage,
  targetOf,
  type BigMapStage,
  type GrowthPoint,
  type GrowthRun,
  type Scenario,
} from "./growth-run.js";

const valueBytes = 100;
const keyBytes = 16;
/** Data, the log of it, and what a compaction writes before it removes what it read. */
const diskFactor = 3;
const chunkEntries = 100_000;
/** A step that was cut short is a point of the curve where it is at least so much more than the step before. */
const leastGrowth = 2;

interface Filled {
  readonly entries: number;
  readonly perSecond: number;
  /** Why there are fewer entries than there should be. */
  readonly stopped?: string;
}

/** The same load on maps of more and more entries. */
export const entriesScenario: Scenario = async (run) => {
  const { callers, memoryBytes } = run.settings;
  const { steps, fillMinutes } = run.settings.entries;
  // Keys are made when they are asked for at every size: at the largest there are too many to make them before.
  const records = new Records(valueBytes);
  const fillUntilMs = performance.now() + fillMinutes * 60_000;
  const points: GrowthPoint[] = [];
  const fills: SettingValue[] = [];
  let stopped = "";
  let reached = 0;
  for (const step of steps) {
    const lacking = await diskLackText(run.bench.folder, step);
    const stage = lacking === "" ? await openStage(run, {}, {}) : undefined;
    const filled =
      stage === undefined ? { entries: 0, perSecond: 0, stopped: lacking } : await fill(run, stage, records, step, fillUntilMs);
    run.say(`  ${filled.entries} of ${step} entries filled, ${perSecondText(filled.perSecond)}${stopText(filled)}`);
    fills.push({ entries: filled.entries, ofEntries: step, perSecond: Math.round(filled.perSecond) });
    if (stage !== undefined && filled.entries >= (filled.stopped === undefined ? 1 : reached * leastGrowth + 1)) {
      points.push({ target: targetOf(stage, records, filled.entries), value: filled.entries });
      reached = filled.entries;
    }
    stopped = filled.stopped ?? "";
    if (stopped !== "") break;
  }
  const cells = (["get", "put"] as const).map((workload): Cell => ({ workload, distribution: "uniform", valueBytes, callers }));
  await measureInRounds(run, "entries", cells, points);
  const how = "a server for each number of entries, all filled by putMany of 500 before the first round; keys are made when asked for";
  return { how, memoryBytes, fillMinutes, fills, stopped: stopped === "" ? "nowhere: every step was reached" : stopped };
};

async function fill(run: GrowthRun, stage: BigMapStage, records: Records, step: number, untilMs: number): Promise<Filled> {
  const startedMs = performance.now();
  let entries = 0;
  let stopped: string | undefined;
  while (entries < step && stopped === undefined) {
    const start = entries;
    const count = Math.min(chunkEntries, step - start);
    await load(run, stage, records, count, start);
    entries += count;
    if (entries < step && performance.now() > untilMs) {
      stopped = `at ${entries} of ${step} entries: the time for filling, ${run.settings.entries.fillMinutes} minutes, was over`;
    }
  }
  const perSecond = (entries * 1000) / (performance.now() - startedMs);
  return stopped === undefined ? { entries, perSecond } : { entries, perSecond, stopped };
}

function stopText({ stopped }: Filled): string {
  return stopped === undefined ? "" : `; stopped ${stopped}`;
}

/** Empty where the disk has room for so many entries. */
async function diskLackText(folder: string, entries: number): Promise<string> {
  const { bavail, bsize } = await statfs(folder);
  const neededBytes = entries * (keyBytes + valueBytes + limits.entryOverheadBytes) * diskFactor;
  if (bavail * bsize >= neededBytes) return "";
  const [free, needed] = [bavail * bsize, neededBytes].map(formatSizeBytes);
  return `before ${entries} entries: the disk has ${free} free, and they may need ${needed} for a while`;
}
