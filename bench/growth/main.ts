// `npm run bench:growth`: what becomes of BigMap's speed as a map grows. `npm run bench:growth -- --help`.
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aboutThisRun } from "../driver/about.js";
import { projectRoot } from "../driver/project-root.js";
import { writeResults, type SettingValue, type SuiteResults } from "../driver/results.js";
import { Workbench } from "../driver/workbench.js";
import { canistersScenario } from "./canisters.js";
import { dataTimesBudgetScenario } from "./data-times-budget.js";
import { entriesScenario } from "./entries.js";
import { fillScenario } from "./fill.js";
import { describeBigMap, type GrowthRun, type Scenario } from "./growth-run.js";
import { growthCommand, settingsOf, type GrowthOptions } from "./options.js";
import { recordedSettings, scenarioNames, type ScenarioName } from "./settings.js";
import { splittingScenario } from "./splitting.js";
import { growthLines, targetLines } from "./table.js";

const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  canisters: canistersScenario,
  entries: entriesScenario,
  dataTimesBudget: dataTimesBudgetScenario,
  splitting: splittingScenario,
  fill: fillScenario,
};

const packages = { rocksdb: "@nxtedition/rocksdb", "@grpc/grpc-js": "@grpc/grpc-js" } as const;
const recordPath = join(projectRoot, "bench/results/growth.json");

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(words: readonly string[]): Promise<void> {
  const options = growthCommand().parse(words, { from: "user" }).opts<GrowthOptions>();
  const settings = settingsOf(options);
  const about = aboutThisRun(settings.dir ?? tmpdir(), packages);
  const chosen = scenarioNames.filter((name) => options.scenarios?.includes(name) ?? true);
  const shared: Omit<GrowthRun, "bench" | "clients"> = {
    settings,
    signal: new AbortController().signal,
    measurements: [],
    subjects: {},
    say,
  };
  const notes: Record<string, SettingValue> = {};
  for (const name of chosen) {
    const startedMs = performance.now();
    say(name);
    notes[name] = await runScenario(scenarios[name], shared);
    say(`  ${name}: ${((performance.now() - startedMs) / 1000).toFixed(0)} s in all`);
  }
  describeBigMap(shared);
  const { subjects, measurements } = shared;
  const results: SuiteResults = { suite: "growth", about, subjects, settings: recordedSettings(settings, notes), measurements };
  process.stdout.write(`${[...growthLines(measurements), ...targetLines(results)].join("\n")}\n`);
  const output = options.output ?? (options.record === true ? recordPath : join(tmpdir(), "bigmap-growth.json"));
  writeResults(output, results);
  say(`Results: ${output}`);
  if (measurements.some(({ errors, wrong }) => errors + wrong > 0)) process.exitCode = 1;
}

/** In a workbench of its own, so that the disk is free again before the next one. */
async function runScenario(scenario: Scenario, shared: Omit<GrowthRun, "bench" | "clients">): Promise<SettingValue> {
  const bench = new Workbench(shared.settings.dir);
  const clients: GrowthRun["clients"] = [];
  try {
    return await scenario({ ...shared, bench, clients });
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()));
    await bench.close();
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  say(`bench:growth: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
