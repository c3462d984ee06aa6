import { Command, InvalidArgumentError } from "commander";
import { limits } from "../../src/base/limits.js";
import { oneOf, sizeBytes, wholeNumber } from "../../src/cli/quantities.js";
import { runWorkloads } from "../driver/measure.js";
import type { PlanChoice } from "./plan.js";
import type { RunSettings } from "./runner.js";
import { subjectKinds } from "./subjects.js";

export interface PeersOptions extends Partial<PlanChoice> {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly rest: number;
  readonly records: number;
  readonly memory: number;
  readonly seed: number;
  readonly dir?: string;
  readonly smoke?: boolean;
  readonly record?: boolean;
  readonly output?: string;
}

const names = subjectKinds.map(({ name }) => name);

export function peersCommand(): Command {
  return new Command("bench:peers")
    .description(
      "Measures BigMap and its peers with one driver: the same keys, values and callers on the same machine, each subject in\n" +
        "turn in every round. Servers are started on loopback and stopped again; a wrong read or an error makes the exit code 1.",
    )
    .option("--workloads <list>", runWorkloads.join(", "), listOf(oneOf(runWorkloads)))
    .option("--callers <list>", "operations in flight, each awaited by its caller", listOf(wholeNumber(1)))
    .option("--value-bytes <list>", "sizes of values", listOf(wholeNumber(8)))
    .option("--distributions <list>", "zipfian, uniform", listOf(oneOf(["zipfian", "uniform"] as const)))
    .option("--subjects <list>", names.join(", "), listOf(oneOf(names)))
    .option("--all", "every combination of all that is not chosen, with every subject")
    .option("--rounds <n>", "turns of each subject in each cell", wholeNumber(1), 5)
    .option("--seconds <n>", "length of a measurement", seconds, 2)
    .option("--warmup <n>", "seconds before each measurement", seconds, 0.3)
    .option("--rest <n>", "seconds to wait at most for the machine to come to rest before each measurement", seconds, 0.5)
    .option("--records <n>", "entries", wholeNumber(1), 1_000_000)
    .option("--memory <size>", "main memory of BigMap's server, and of raw RocksDB", sizeBytes, limits.memoryDefaultBytes)
    .option("--seed <n>", "decides which records are asked for", wholeNumber(0), 1)
    .option("--dir <folder>", "where the data is written; by default the system's folder for temporary files")
    .option("--smoke", "every subject in every kind of cell, with sizes that take seconds")
    .option("--record", "write the results to bench/results/peers.json")
    .option("--output <file>", "write the results there")
    .allowExcessArguments(false);
}

/** The sizes of a smoke run: everything is touched, nothing is measured. */
const smoke = { rounds: 2, seconds: 0.03, warmup: 0, rest: 0, records: 200 } as const;
const smokeCallers = [4];

export function runSettingsOf(options: PeersOptions): RunSettings {
  const { rounds, seconds, warmup, rest, records } = options.smoke === true ? { ...options, ...smoke } : options;
  return {
    rounds,
    seconds,
    warmupSeconds: warmup,
    restSeconds: rest,
    records,
    memoryBytes: options.memory,
    seed: options.seed,
    dir: options.dir,
  };
}

export function planChoiceOf(options: PeersOptions): PlanChoice {
  const isSmoke = options.smoke === true;
  return {
    all: options.all === true,
    workloads: options.workloads ?? (isSmoke ? runWorkloads : undefined),
    callers: options.callers ?? (isSmoke ? smokeCallers : undefined),
    valueBytes: options.valueBytes,
    distributions: options.distributions,
    subjects: options.subjects,
  };
}

function listOf<T>(parse: (text: string) => T): (text: string) => T[] {
  return (text) => text.split(",").map((part) => parse(part.trim()));
}

function seconds(text: string): number {
  const number = Number(text);
  if (text.trim() === "" || !(number >= 0)) throw new InvalidArgumentError("Write a number of seconds.");
  return number;
}
