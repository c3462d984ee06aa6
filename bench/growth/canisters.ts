import { Records } from "../../src/cli/bench/records.js";
import type { Cell } from "../driver/measure.js";
import { perSecondText } from "../peers/table.js";
import { load, measureInRounds, openStage, targetOf, type GrowthPoint, type Scenario } from "./growth-run.js";

const valueBytes = 100;

/** The same entries over more and more canisters. */
export const canistersScenario: Scenario = async (run) => {
  const { callers, memoryBytes } = run.settings;
  const { records: count, counts } = run.settings.canisters;
  const records = new Records(valueBytes);
  const points: GrowthPoint[] = [];
  const stages = await Promise.all(
    counts.map(async (canisters) => ({ canisters, stage: await openStage(run, {}, { initialCanisters: canisters }) })),
  );
  for (const { canisters, stage } of stages) {
    const perSecond = await load(run, stage, records, count);
    run.say(`  ${canisters} canisters: ${count} entries loaded, ${perSecondText(perSecond)}`);
    points.push({ target: targetOf(stage, records, count), value: canisters });
  }
  const cells = (["get", "put"] as const).map((workload): Cell => ({ workload, distribution: "zipfian", valueBytes, callers }));
  await measureInRounds(run, "canisters", cells, points);
  return { how: "a server for each number of canisters, made by initialCanisters; all loaded before the first round", memoryBytes };
};
