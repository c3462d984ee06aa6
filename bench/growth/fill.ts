import { median } from "../../src/cli/bench/comparison.js";
import { Records } from "../../src/cli/bench/records.js";
import type { Cell, Target } from "../driver/measure.js";
import { measure } from "../driver/measure.js";
import { perSecondText } from "../peers/table.js";
import { fillBatchEntries, fillBatchesInFlight } from "./fill-batches.js";
import { Filler } from "./filler.js";
import { load, mapName, measureInRounds, openStage, targetOf, type GrowthPoint, type GrowthRun, type Scenario } from "./growth-run.js";
import { PacedGets } from "./paced-gets.js";

const valueBytes = 100;
const aloneRounds = 3;

/** Gets at half of the load that they reach alone, with and without a fill at full speed behind them. */
export const fillScenario: Scenario = async (run) => {
  const { callers, memoryBytes } = run.settings;
  const count = run.settings.fill.records;
  const records = new Records(valueBytes);
  const stage = await openStage(run, {}, {});
  const closedLoop = targetOf(stage, records, count);
  await load(run, stage, records, count);
  const cell: Cell = { workload: "get", distribution: "uniform", valueBytes, callers };
  const alonePerSecond = Math.round(await aloneThroughput(run, closedLoop, cell));
  const pacePerSecond = Math.ceil(alonePerSecond / 2);
  run.say(`  gets alone: ${perSecondText(alonePerSecond)}, so that half load is ${perSecondText(pacePerSecond)}`);
  const target: Target = { ...closedLoop, loader: new PacedGets(stage.road, records, closedLoop.log, pacePerSecond) };
  const filling = { address: stage.server.address, map: mapName, valueBytes, firstRecord: count, entriesPerSecond: undefined };
  const filler = await Filler.start(run.bench, filling);
  const points: GrowthPoint[] = [
    { target, value: "none" },
    { target, value: "running", around: (measured) => filler.during(measured), isNeverQuiet: true },
  ];
  await measureInRounds(run, "fill", [cell], points);
  await filler.close();
  return {
    how:
      `open loop: gets are due at a fixed pace, half of what ${callers} callers reach alone, looked at every millisecond; a latency ` +
      "counts from when its get was due. The fill is a client in a process of its own: " +
      `batches of ${fillBatchEntries} new entries, ${fillBatchesInFlight} in flight`,
    memoryBytes,
    aloneGetsPerSecond: alonePerSecond,
    paceGetsPerSecond: pacePerSecond,
    fillEntriesPerSecond: Math.round(filler.entriesPerSecond),
    filledEntries: filler.entries,
  };
};

/** With the callers of the cell, each of which waits for its answer. */
async function aloneThroughput(run: GrowthRun, target: Target, cell: Cell): Promise<number> {
  const speeds: number[] = [];
  for (let round = 1; round <= aloneRounds; round++) {
    const { operationsPerSecond, errors, wrong } = await measure(target, cell, { ...run.settings, round, signal: run.signal });
    if (errors + wrong > 0) throw new Error(`${errors} errors and ${wrong} wrong reads in the gets alone`);
    speeds.push(operationsPerSecond);
  }
  return median(speeds);
}
