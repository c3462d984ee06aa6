import { median } from "../../src/cli/bench/comparison.js";
import { Records } from "../../src/cli/bench/records.js";
import type { Cell, Target } from "../driver/measure.js";
import { measure } from "../driver/measure.js";
import type { Measurement } from "../driver/results.js";
import { perSecondText } from "../peers/table.js";
import { fillBatchEntries, fillBatchesInFlight } from "./fill-batches.js";
import { Filler } from "./filler.js";
import { load, mapName, measureInRounds, openStage, targetOf, type GrowthPoint, type GrowthRun, type Scenario } from "./growth-run.js";
import { PacedGets } from "./paced-gets.js";

const valueBytes = 100;
const closedLoopRounds = 3;

/** Of the second fill, so that its entries are new too. */
const backgroundFirstRecord = 1e9;

/**
 * Gets at half of the load that they reach alone: with nothing behind them, with a fill of a client that gives way to others, and with a
 * fill at full speed; and at half of what they reach beside the last, which takes its share of the processors: for half of the load
 * alone not enough may be left.
 */
export const fillScenario: Scenario = async (run) => {
  const { callers, memoryBytes } = run.settings;
  const count = run.settings.fill.records;
  const records = new Records(valueBytes);
  const stage = await openStage(run, {}, {});
  const closedLoop = targetOf(stage, records, count);
  await load(run, stage, records, count);
  const cell: Cell = { workload: "get", distribution: "uniform", valueBytes, callers };
  const alonePerSecond = Math.round(await closedLoopThroughput(run, closedLoop, cell));
  const pacePerSecond = Math.ceil(alonePerSecond / 2);
  run.say(`  gets alone: ${perSecondText(alonePerSecond)}, so that half load is ${perSecondText(pacePerSecond)}`);
  const pacedAt = (perSecond: number): Target => ({ ...closedLoop, loader: new PacedGets(stage.road, records, closedLoop.log, perSecond) });
  const filling = { address: stage.server.address, map: mapName, valueBytes, entriesPerSecond: undefined };
  const filler = await Filler.start(run.bench, { ...filling, firstRecord: count, background: false });
  const around: GrowthPoint["around"] = (measured) => filler.during(measured);
  const giving = await Filler.start(run.bench, { ...filling, firstRecord: backgroundFirstRecord, background: true });
  const besidePerSecond = Math.round(await closedLoopThroughput(run, closedLoop, cell, around));
  const besidePacePerSecond = Math.ceil(besidePerSecond / 2);
  run.say(`  gets beside the fill: ${perSecondText(besidePerSecond)}, of which the half is ${perSecondText(besidePacePerSecond)}`);
  const points: GrowthPoint[] = [
    { target: pacedAt(pacePerSecond), value: "none" },
    { target: pacedAt(pacePerSecond), value: "in the background", around: (measured) => giving.during(measured), isNeverQuiet: true },
    { target: pacedAt(pacePerSecond), value: "running", around, isNeverQuiet: true },
    { target: pacedAt(besidePacePerSecond), value: "running, gets at half of what they reach beside it", around, isNeverQuiet: true },
  ];
  await measureInRounds(run, "fill", [cell], points);
  await Promise.all([filler.close(), giving.close()]);
  return {
    how:
      `open loop: gets are due at a fixed pace, half of what ${callers} callers reach alone, looked at every millisecond; a latency ` +
      "counts from when its get was due. A fill is a client in a process of its own, in the background one of { background: true }: " +
      `batches of ${fillBatchEntries} new entries, ${fillBatchesInFlight} in flight`,
    memoryBytes,
    aloneGetsPerSecond: alonePerSecond,
    paceGetsPerSecond: pacePerSecond,
    besideGetsPerSecond: besidePerSecond,
    besidePaceGetsPerSecond: besidePacePerSecond,
    fillEntriesPerSecond: Math.round(filler.entriesPerSecond),
    filledEntries: filler.entries,
    backgroundFillEntriesPerSecond: Math.round(giving.entriesPerSecond),
    backgroundFilledEntries: giving.entries,
  };
};

/** With the callers of the cell, each of which waits for its answer; alone, or with what is done `around` each measurement. */
async function closedLoopThroughput(run: GrowthRun, target: Target, cell: Cell, around?: GrowthPoint["around"]): Promise<number> {
  const speeds: number[] = [];
  for (let round = 1; round <= closedLoopRounds; round++) {
    const restSeconds = around === undefined ? run.settings.restSeconds : 0;
    const measured = (): Promise<Measurement> => measure(target, cell, { ...run.settings, restSeconds, round, signal: run.signal });
    const { operationsPerSecond, errors, wrong } = await (around?.(measured) ?? measured());
    if (errors + wrong > 0) throw new Error(`${errors} errors and ${wrong} wrong reads in a closed loop of gets`);
    speeds.push(operationsPerSecond);
  }
  return median(speeds);
}
