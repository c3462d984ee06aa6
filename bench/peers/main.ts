// `npm run bench:peers`: BigMap and what would be used instead of it, side by side. `npm run bench:peers -- --help`.
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Records } from "../../src/cli/bench/records.js";
import { aboutThisRun, programVersion } from "../driver/about.js";
import { driverCostUs } from "../driver/driver-cost.js";
import { projectRoot } from "../driver/project-root.js";
import { writeResults, type About, type SuiteResults } from "../driver/results.js";
import { peersCommand, planChoiceOf, runSettingsOf, type PeersOptions } from "./options.js";
import { planCells, type PlannedCell } from "./plan.js";
import { runPeers, type RunSettings } from "./runner.js";
import { resultLines } from "./table.js";

const packages = {
  rocksdb: "@nxtedition/rocksdb",
  ioredis: "ioredis",
  redis: "redis",
  etcd3: "etcd3",
  "@grpc/grpc-js": "@grpc/grpc-js",
} as const;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(words: readonly string[]): Promise<void> {
  const options = peersCommand().parse(words, { from: "user" }).opts<PeersOptions>();
  const settings = runSettingsOf(options);
  const cells = planCells(planChoiceOf(options));
  const about = await aboutPeers(settings);
  say(planText(cells, settings));
  const stop = new AbortController();
  const { subjects, measurements } = await runPeers(cells, settings, say, stop.signal);
  const { dir: _, ...recorded } = settings;
  const results: SuiteResults = { suite: "peers", about: withServerVersions(about), subjects, settings: recorded, measurements };
  process.stdout.write(`${resultLines(measurements).join("\n")}\n`);
  const output = options.output ?? (options.record === true ? recordPath : join(tmpdir(), "bigmap-peers.json"));
  writeResults(output, results);
  say(`Results: ${output}`);
  if (measurements.some(({ errors, wrong }) => errors + wrong > 0)) process.exitCode = 1;
}

const recordPath = join(projectRoot, "bench/results/peers.json");
const driverCostMs = 500;

async function aboutPeers(settings: RunSettings): Promise<About> {
  const records = new Records(100);
  const costUs = await driverCostUs(records, settings.records, Math.min(driverCostMs, settings.seconds * 1000));
  return { ...aboutThisRun(settings.dir ?? tmpdir(), packages), driverMicroseconds: Math.round(costUs * 1000) / 1000 };
}

/** Asked after the run, which may have installed them. */
function withServerVersions(about: About): About {
  const servers = { "redis-server": programVersion("redis-server"), etcd: programVersion("etcd") };
  return { ...about, versions: { ...about.versions, ...servers } };
}

function planText(cells: readonly PlannedCell[], { rounds, seconds, warmupSeconds, restSeconds }: RunSettings): string {
  const turns = cells.reduce((sum, { subjects }) => sum + subjects.length, 0) * rounds;
  const least = (turns * (seconds + warmupSeconds + Math.min(restSeconds, 0.15))) / 60;
  return `${cells.length} cells, ${turns} measurements: about ${Math.ceil(least * 1.15)} minutes, and the loading`;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  say(`bench:peers: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
