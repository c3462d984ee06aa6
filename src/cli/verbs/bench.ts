import { Command, InvalidArgumentError, Option } from "commander";
import { limits } from "../../base/limits.js";
import type { BenchResult } from "../bench/bench-run.js";
import { benchKinds, formatMix, parseMix, ycsbWorkloads, type Mix, type YcsbWorkload } from "../bench/mix.js";
import { comparisonLines, runLines, settingsLines } from "../bench/report.js";
import type { RoadName } from "../bench/road.js";
import type { BenchSettings } from "../bench/settings.js";
import { distributions, type Distribution } from "../bench/zipfian.js";
import { exitCodes } from "../exit-codes.js";
import { durationOption, oneOf, sizeBytes, wholeNumber } from "../quantities.js";
import type { VerbContext } from "../verb-context.js";

interface BenchOptions {
  readonly map: string;
  readonly records: number;
  readonly load: boolean;
  readonly duration: number;
  readonly warmup: number;
  readonly callers: number;
  readonly valueBytes: number;
  readonly mix?: Mix;
  readonly workload?: YcsbWorkload;
  readonly distribution?: Distribution;
  readonly road: RoadName | "both";
  readonly rounds: number;
  readonly seed: number;
  readonly quiet?: boolean;
}

const workloadNames = Object.keys(ycsbWorkloads) as YcsbWorkload[];

export function benchVerb(context: VerbContext): Command {
  const command = new Command("bench")
    .summary("measure throughput and latencies of a server")
    .description(
      "A load generator: callers that each await one operation at a time, against your own installation. Values follow from\n" +
        "their keys, so every read is checked. Exits with 1 where a read was wrong or an operation failed.",
    )
    .option("--map <name>", "map to use; its entries named user... are overwritten", "bench")
    .option("--records <n>", "entries that the operations choose from", wholeNumber(1), 100_000)
    .option("--no-load", "the records are there already, from an earlier run with the same --value-bytes")
    .addOption(durationOption("--duration <time>", "how long to measure, in all", 10))
    .addOption(durationOption("--warmup <time>", "how long to run before measuring", 2))
    .option("--callers <n>", "operations in flight", wholeNumber(1), 256)
    .option("--value-bytes <n>", "size of a value, at most 1MiB", valueSize, 100)
    .addOption(
      new Option("--mix <mix>", `operations and their shares: ${benchKinds.join(", ")} (default: get=0.95,put=0.05)`).argParser(parseMix),
    )
    .addOption(new Option("--workload <letter>", `YCSB core workload: ${workloadsText()}`).argParser(oneOf(workloadNames)).conflicts("mix"))
    .addOption(
      new Option("--distribution <name>", `${distributions.join(", ")} (default: uniform, or the workload's)`).argParser(
        oneOf(distributions),
      ),
    )
    .addOption(
      new Option("--road <road>", "pipe: our client; unary: one gRPC call an operation; both: in turns, each kind by itself, with ratios")
        .argParser(oneOf(["pipe", "unary", "both"] as const))
        .default("pipe"),
    )
    .option("--rounds <n>", "with --road both: turns of each road", wholeNumber(1), 3)
    .option("--seed <n>", "decides keys and operations", wholeNumber(0), 1)
    .option("--quiet", "no progress on stderr")
    .addHelpText(
      "after",
      `
zipfian is YCSB's scrambled zipfian with constant 0.99 (Gray et al., SIGMOD 1994). A scan and the batches touch 100
entries and count as so many operations; their latencies are those of the whole call.

Examples:
  bigmap bench
  bigmap bench --workload a --records 1_000_000 --duration 60s
  bigmap bench --mix get=0.8,put=0.1,delete=0.1 --distribution zipfian --value-bytes 1000
  bigmap bench --road both --mix get,put       how much the pipe gains over unary calls
  bigmap bench --json --no-load | jq .run.operationsPerSecond`,
    );
  return command.action(async (options: BenchOptions) => {
    await context.withClientInOrder(command, async (bigmap, { endpoint, json }) => {
      const settings = settingsOf(options, endpoint);
      if (!json) await context.printLines([...settingsLines(settings), ""]);
      // Histograms take a tenth of a second to load; only this verb should wait for them.
      const { runBench } = await import("../bench/bench-run.js");
      const result = await runBench(bigmap, settings, context.terminal, options.quiet === true);
      if (json) await context.printJson({ settings: { ...settings, mix: formatMix(settings.mix) }, ...result });
      else await context.printLines(resultLines(result));
      if (!isClean(result)) context.exitCode = exitCodes.failure;
    });
  });
}

function settingsOf(options: BenchOptions, endpoint: string): BenchSettings {
  const workload = options.workload === undefined ? undefined : ycsbWorkloads[options.workload];
  return {
    endpoint,
    map: options.map,
    records: options.records,
    load: options.load,
    durationMs: options.duration,
    warmupMs: options.warmup,
    callers: options.callers,
    valueBytes: options.valueBytes,
    mix: options.mix ?? parseMix(workload?.mix ?? "get=0.95,put=0.05"),
    workload: options.workload,
    distribution: options.distribution ?? workload?.distribution ?? "uniform",
    road: options.road,
    rounds: options.rounds,
    seed: options.seed,
  };
}

function resultLines({ run, comparison }: BenchResult): string[] {
  if (run !== undefined) return runLines(run);
  return comparison === undefined ? [] : comparisonLines(comparison);
}

function isClean({ run, comparison }: BenchResult): boolean {
  const runs = run !== undefined ? [run] : (comparison?.rows.flatMap((row) => row.rounds) ?? []);
  return runs.every((figures) => figures.wrong === 0 && Object.keys(figures.errors).length === 0);
}

function valueSize(text: string): number {
  const size = sizeBytes(text);
  if (size > limits.valueMaxBytes) throw new InvalidArgumentError("A value has at most 1MiB.");
  return size;
}

function workloadsText(): string {
  return workloadNames.map((name) => `${name} ${ycsbWorkloads[name].says}`).join(", ");
}
