/** `npm run bench`: how long the parts take, one by one. */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { aboutThisRun } from "../driver/about.js";
import { projectRoot } from "../driver/project-root.js";
import type { MicroResults, MicroRow } from "../report/results.js";
import { fullTiming, runBenchmark, smokeTiming } from "./runner.js";
import { selectBenchmarks } from "./selection.js";

const recordPath = join(projectRoot, "bench/results/micro.json");
/** Whose versions are named. */
const packages = { rocksdb: "@nxtedition/rocksdb", tinybench: "tinybench" };

const help = `Usage: bench [options] [word...]

Measures how long the parts take, one by one; with words, those whose name has one of them.

Options:
  --smoke            do next to nothing
  --json <file>      write the figures down
  --record           write them to bench/results/micro.json
  --folder <folder>  where data lies meanwhile (by default where the system keeps temporary files)
  -h, --help         print this`;

function lineOf(row: MicroRow): string {
  const figures = [row.size, row.nanosecondsPerOperation, row.operationsPerSecond, row.p99Nanoseconds, row.samples];
  const [size, ...rest] = figures.map((figure) => figure.toLocaleString("en", { maximumFractionDigits: figure < 100 ? 1 : 0 }));
  const memory = row.bytesPerRange === undefined ? "" : `  ${row.bytesPerRange.toFixed(1)} B a range`;
  return `${row.name.padEnd(38)}${size?.padStart(11)}${rest.map((figure) => figure.padStart(13)).join("")}${memory}`;
}

function headLine(): string {
  const titles = ["ns each", "each second", "p99, ns each", "samples"];
  return `${"benchmark".padEnd(38)}${"size".padStart(11)}${titles.map((title) => title.padStart(13)).join("")}`;
}

/** JSON, a row a line. */
function textOf({ rows, ...rest }: MicroResults): string {
  const head = JSON.stringify(rest, undefined, 2).replace(/\n}$/, "");
  return `${head},\n  "rows": [\n${rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n")}\n  ]\n}\n`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      smoke: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      json: { type: "string" },
      folder: { type: "string", default: tmpdir() },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { smoke, record, json, folder } = values;
  if (values.help) {
    console.log(help);
    return;
  }
  if (record && (smoke || positionals.length > 0)) throw new Error("Only a run of everything at full size is recorded");
  const benchmarks = selectBenchmarks({ isSmoke: smoke, folder }, positionals);
  if (benchmarks.length === 0) throw new Error(`No benchmark's name has ${positionals.join(" or ")}`);
  const about = aboutThisRun(folder, packages);
  const rows: MicroRow[] = [];
  console.log(headLine());
  for (const benchmark of benchmarks) {
    const row = await runBenchmark(benchmark, smoke ? smokeTiming : fullTiming);
    console.log(lineOf(row));
    rows.push(row);
  }
  const results: MicroResults = { suite: "micro", about, rows };
  const text = textOf(results);
  if (json !== undefined) writeFileSync(json, text);
  if (record) writeFileSync(recordPath, text);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
