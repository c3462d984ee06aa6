// `npm run bench:import`: how fast a file of NDJSON becomes durable entries, beside what parsing alone reaches. `-- --help`.
import { execFile } from "node:child_process";
import { createReadStream, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Command } from "commander";
import { limits } from "../src/base/limits.js";
import { oneOf, sizeBytes, wholeNumber } from "../src/cli/quantities.js";
import { formatCodecs } from "../src/cli/transfer/formats.js";
import type { RowColumns } from "../src/cli/transfer/row-columns.js";
import { fileReadBytes } from "../src/cli/transfer/row-stream.js";
import { aboutThisRun } from "./driver/about.js";
import { startBigMapServer } from "./driver/bigmap-server.js";
import { cpuSecondsOf, residentBytesOf } from "./driver/process-usage.js";
import { projectRoot } from "./driver/project-root.js";
import type { Measurement } from "./driver/results.js";
import { Workbench } from "./driver/workbench.js";
import { rowForms, valueBytes, writeRows, type RowForm } from "./import-rows.js";
import { medianOf } from "./report/statistics.js";

interface ImportOptions {
  readonly entries: number;
  readonly rounds: number;
  readonly rows: readonly RowForm[];
  readonly memory: number;
  readonly dir: string;
  readonly smoke?: boolean;
  readonly record?: boolean;
  readonly output?: string;
}

/** Imports have no latencies; the other fields are those of all benchmarks. */
type ImportMeasurement = Omit<Measurement, "p50Us" | "p99Us" | "p999Us"> & { readonly bytesPerSecond: number };

/** What a process that has read the file prints. */
interface Done {
  readonly entries: number;
  /** Of keys and values, not of the file. */
  readonly bytes: number;
  /** From the first byte that is read to the last answer; the start of the process is not in it. */
  readonly elapsedMs: number;
}

interface Run {
  readonly done: Done;
  /** The whole process, its start too. */
  readonly clientCpuSeconds: number;
  readonly serverCpuSeconds: number;
  readonly serverResidentBytes: number;
}

const self = fileURLToPath(import.meta.url);
const program = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
const recordPath = join(projectRoot, "bench/results/import.json");
const smoke = { entries: 500, rounds: 1 } as const;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

function importCommand(): Command {
  return new Command("bench:import")
    .description(
      "Writes files of 1 KiB entries as NDJSON. In every round each is read by a process that parses it and drops the rows, and then\n" +
        "imported by `bigmap import` into a server of its own with an empty data folder and an fsync before every answer.",
    )
    .option("--entries <n>", "rows in each file", wholeNumber(1), 200_000)
    .option("--rounds <n>", "turns of each file", wholeNumber(1), 5)
    .option("--rows <list>", `forms of rows: ${rowForms.join(", ")}`, (text) => text.split(",").map(oneOf(rowForms)), [...rowForms])
    .option("--memory <size>", "main memory of the server for entries", sizeBytes, limits.memoryDefaultBytes)
    .option("--dir <folder>", "where files and data are written; by default the system's folder for temporary files", tmpdir())
    .option("--smoke", "sizes that take a second or two")
    .option("--record", "write the results to bench/results/import.json")
    .option("--output <file>", "write the results there")
    .allowExcessArguments(false);
}

async function main(words: readonly string[]): Promise<void> {
  const given = importCommand().parse(words, { from: "user" }).opts<ImportOptions>();
  const options = given.smoke === true ? { ...given, ...smoke } : given;
  const about = aboutThisRun(options.dir, { rocksdb: "@nxtedition/rocksdb", "@grpc/grpc-js": "@grpc/grpc-js" });
  const bench = new Workbench(options.dir);
  const measurements: ImportMeasurement[] = [];
  try {
    for (const form of options.rows) measurements.push(...(await measureForm(bench, form, options)));
  } finally {
    await bench.close();
  }
  for (const form of options.rows) say(summaryText(form, measurements));
  const settings = {
    entries: options.entries,
    rounds: options.rounds,
    memoryBytes: options.memory,
    durability: "fsync",
    readBytes: fileReadBytes,
  };
  const output = options.output ?? (options.record === true ? recordPath : join(tmpdir(), "bigmap-import.json"));
  const lines = measurements.map((measurement) => `    ${JSON.stringify(measurement)}`).join(",\n");
  const head = JSON.stringify({ suite: "import", about, settings }, undefined, 2).replace(/\n}$/, "");
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, `${head},\n  "measurements": [\n${lines}\n  ]\n}\n`);
  say(`Results: ${output}`);
}

async function measureForm(bench: Workbench, form: RowForm, { entries, rounds, memory }: ImportOptions): Promise<ImportMeasurement[]> {
  const path = join(bench.folder, `${form}.ndjson`);
  await writeRows(path, form, entries);
  const measurements: ImportMeasurement[] = [];
  for (let round = 0; round < rounds; round++) {
    const parse = measurementOf("parse", form, round, entries, await runParse(path, form));
    const imported = measurementOf("import", form, round, entries, await runImport(bench, path, form, memory));
    measurements.push(parse, imported);
    const cpu = `${imported.clientCpuSecondsPerMillion.toFixed(1)} s client and ${imported.serverCpuSecondsPerMillion.toFixed(1)} s server`;
    say(`${form}, round ${round + 1}: parse ${rateText(parse)}, import ${rateText(imported)}; ${cpu} a million entries`);
  }
  rmSync(path);
  return measurements;
}

async function runParse(path: string, form: RowForm): Promise<Run> {
  const beganSeconds = cpuSecondsOf([process.pid]);
  const done = await outputOf([self, "parse", path, form]);
  return { done, clientCpuSeconds: cpuSecondsOf([process.pid]) - beganSeconds, serverCpuSeconds: 0, serverResidentBytes: 0 };
}

async function runImport(bench: Workbench, path: string, form: RowForm, memoryBytes: number): Promise<Run> {
  const server = await startBigMapServer(bench, { memoryBytes });
  try {
    const beganSeconds = { client: cpuSecondsOf([process.pid]), server: cpuSecondsOf([server.pid]) };
    const words = [program, "import", "users", path, "--endpoint", server.address, "--json", "--quiet"];
    const done = await outputOf(form === "whole" ? [...words, "--key", "id"] : words);
    return {
      done,
      clientCpuSeconds: cpuSecondsOf([process.pid]) - beganSeconds.client,
      serverCpuSeconds: cpuSecondsOf([server.pid]) - beganSeconds.server,
      serverResidentBytes: residentBytesOf([server.pid]),
    };
  } finally {
    await server.close();
    rmSync(server.dataDir, { recursive: true, force: true });
  }
}

async function outputOf(words: readonly string[]): Promise<Done> {
  const { stdout } = await promisify(execFile)(process.execPath, words, { encoding: "utf8" });
  return JSON.parse(stdout) as Done;
}

/** In a process of its own: the reader and the conversion of `bigmap import`, with nobody to send to. */
async function parseAlone(path: string, form: RowForm): Promise<Done> {
  const mapping = { keyField: form === "whole" ? "id" : undefined, valueField: undefined, wholeRow: false };
  const beganMs = performance.now();
  let entries = 0;
  let bytes = 0;
  for await (const rows of formatCodecs.ndjson.read(createReadStream(path, { highWaterMark: fileReadBytes }), mapping)) {
    for (let i = 0; i < rows.count; i++) {
      entries++;
      bytes += sizeOf(rows, i);
    }
  }
  return { entries, bytes, elapsedMs: performance.now() - beganMs };
}

/** Of key and value; the files have no bad rows. */
function sizeOf(rows: RowColumns, i: number): number {
  const keyBytes = (rows.keyEnds[i] as number) - (rows.keyStarts[i] as number);
  return keyBytes + (rows.valueEnds[i] as number) - (rows.valueStarts[i] as number);
}

function measurementOf(workload: "import" | "parse", form: RowForm, round: number, records: number, run: Run): ImportMeasurement {
  const { entries, bytes, elapsedMs } = run.done;
  if (entries !== records) throw new Error(`${entries} of ${records} rows arrived`);
  return {
    subject: "bigmap",
    workload,
    distribution: "uniform",
    valueBytes,
    callers: 1,
    records,
    round,
    vary: { name: "rows", value: form },
    operations: entries,
    elapsedMs,
    operationsPerSecond: (entries / elapsedMs) * 1000,
    bytesPerSecond: (bytes / elapsedMs) * 1000,
    clientCpuSecondsPerMillion: (run.clientCpuSeconds / entries) * 1e6,
    serverCpuSecondsPerMillion: (run.serverCpuSeconds / entries) * 1e6,
    serverResidentBytes: run.serverResidentBytes,
    errors: 0,
    wrong: 0,
  };
}

function summaryText(form: RowForm, measurements: readonly ImportMeasurement[]): string {
  const rates = (workload: string): number[] =>
    measurements.filter((each) => each.vary?.value === form && each.workload === workload).map((each) => each.bytesPerSecond);
  const [parse, imported] = [medianOf(rates("parse")), medianOf(rates("import"))];
  const share = ((imported / parse) * 100).toFixed(0);
  return `${form}: import ${(imported / 1e6).toFixed(1)} MB/s, parse ${(parse / 1e6).toFixed(1)} MB/s (medians): ${share} %`;
}

function rateText({ bytesPerSecond }: ImportMeasurement): string {
  return `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`;
}

const words = process.argv.slice(2);
if (words[0] === "parse") process.stdout.write(JSON.stringify(await parseAlone(words[1] as string, oneOf(rowForms)(words[2] as string))));
else await main(words);
