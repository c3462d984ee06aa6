import { RecordLog } from "../../src/cli/bench/record-log.js";
import { Records } from "../../src/cli/bench/records.js";
import type { Cell, Target } from "../driver/measure.js";
import { measureLoad } from "../driver/measure.js";
import { rocksdbSubject } from "../peers/rocksdb-subject.js";
import { SharedServers } from "../peers/subject.js";
import { perSecondText } from "../peers/table.js";
import { load, measureInRounds, openStage, targetOf, type GrowthPoint, type GrowthRun, type Scenario } from "./growth-run.js";

const valueBytes = 1024;

/** Data of more and more times the memory budget, beside RocksDB by itself with the same data and the same budget. */
export const dataTimesBudgetScenario: Scenario = async (run) => {
  const { callers } = run.settings;
  const { budgetBytes, multiples } = run.settings.data;
  const points: GrowthPoint[] = [];
  for (const multiple of multiples) {
    const count = Math.round((multiple * budgetBytes) / valueBytes);
    const records = new Records(valueBytes);
    const stage = await openStage(run, { memoryBytes: budgetBytes }, {});
    const bigmapPerSecond = await load(run, stage, records, count);
    const rocksdb = await openRocksdb(run, records, count);
    const { operationsPerSecond } = await measureLoad(rocksdb, valueBytes, run.signal);
    const speeds = `bigmap ${perSecondText(bigmapPerSecond)}, raw-rocksdb ${perSecondText(operationsPerSecond)}`;
    run.say(`  ${multiple} × budget: ${count} entries loaded, ${speeds}`);
    for (const target of [targetOf(stage, records, count), rocksdb]) points.push({ target, value: multiple });
  }
  const cell: Cell = { workload: "get", distribution: "uniform", valueBytes, callers };
  await measureInRounds(run, "dataTimesBudget", [cell], points);
  return {
    how: "a process for each subject and size; data is counted as values alone",
    budgetBytes,
    budgetOf:
      "bigmap start --memory; of raw RocksDB its block cache and write buffers alone, which BigMap gives five sixteenths of its budget",
    pageCache: "kept for both: what a budget does not hold is read from the system's page cache as long as that holds it",
  };
};

async function openRocksdb(run: GrowthRun, records: Records, count: number): Promise<Target> {
  const { budgetBytes } = run.settings.data;
  const log = new RecordLog(count);
  // Shared by nobody: each size has a process of its own, which ends with the workbench.
  const servers = new SharedServers();
  const subject = await rocksdbSubject.open({ bench: run.bench, servers, valueBytes, memoryBytes: budgetBytes, records, log });
  run.subjects["raw-rocksdb"] = { description: rocksdbSubject.description, settings: subject.settings };
  return { subject: "raw-rocksdb", log, ...subject };
}
