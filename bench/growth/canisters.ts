import { Records } from "../../src/cli/bench/records.js";
import type { Cell } from "../driver/measure.js";
import { measureLoad } from "../driver/measure.js";
import { perSecondText } from "../peers/table.js";
import { measureInRounds, openStage, targetOf, type GrowthPoint, type Scenario } from "./growth-run.js";

const valueBytes = 100;

/** The same entries over more and more canisters. */
export const canistersScenario: Scenario = async (run) => {
  const { callers, memoryBytes } = run.settings;
  const { records: count, counts } = run.settings.canisters;
  const records = new Records(valueBytes);
  records.prepareKeys(count);
  const points: GrowthPoint[] = [];
  for (const canisters of counts) {
    const target = targetOf(await openStage(run, {}, { initialCanisters: canisters }), records, count);
    const { operationsPerSecond } = await measureLoad(target, valueBytes, run.signal);
    run.say(`  ${canisters} canisters: ${count} entries loaded, ${perSecondText(operationsPerSecond)}`);
    points.push({ target, value: canisters });
  }
  const cells = (["get", "put"] as const).map((workload): Cell => ({ workload, distribution: "zipfian", valueBytes, callers }));
  await measureInRounds(run, "canisters", cells, points);
  return { how: "a server for each number of canisters, made by initialCanisters; all loaded before the first round", memoryBytes };
};
