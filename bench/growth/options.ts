import { Command, InvalidArgumentError } from "commander";
import { limits } from "../../src/base/limits.js";
import { oneOf, sizeBytes, wholeNumber } from "../../src/cli/quantities.js";
import { entrySteps, fullSizes, scenarioNames, smokeSizes, type GrowthSettings, type ScenarioName } from "./settings.js";

export interface GrowthOptions {
  readonly scenarios?: readonly ScenarioName[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly rest: number;
  readonly callers: number;
  readonly records: number;
  readonly entriesMost: number;
  readonly fillMinutes: number;
  readonly memory: number;
  readonly budget: number;
  readonly seed: number;
  readonly dir?: string;
  readonly smoke?: boolean;
  readonly record?: boolean;
  readonly output?: string;
}

export function growthCommand(): Command {
  return new Command("bench:growth")
    .description(
      "Measures how BigMap's speed changes as a map grows: over canisters, entries, data against memory, during splits, and\n" +
        "behind a fill. Servers are started on loopback and stopped again; a wrong read or an error makes the exit code 1.",
    )
    .option("--scenarios <list>", scenarioNames.join(", "), listOfScenarios)
    .option("--rounds <n>", "turns of each point of each curve", wholeNumber(1), 5)
    .option("--seconds <n>", "length of a measurement", amount, 2)
    .option("--warmup <n>", "seconds before each measurement", amount, 0.3)
    .option("--rest <n>", "seconds to wait at most for the machine to come to rest before each measurement", amount, 1)
    .option("--callers <n>", "operations in flight, each awaited by its caller", wholeNumber(1), 256)
    .option("--records <n>", "entries of the scenarios canisters and fill", wholeNumber(1), 1_000_000)
    .option("--entries-most <n>", "the largest map of the scenario entries: 1e8 takes 45 GB of disk", entries, 1e7)
    .option("--fill-minutes <n>", "time for filling in the scenario entries; where it ends, the curve ends", amount, 3)
    .option("--memory <size>", "main memory of a server in all other scenarios", sizeBytes, limits.memoryDefaultBytes)
    .option("--budget <size>", "main memory in the scenario dataTimesBudget", sizeBytes, fullSizes.data.budgetBytes)
    .option("--seed <n>", "decides which records are asked for", wholeNumber(0), 1)
    .option("--dir <folder>", "where the data is written; by default the system's folder for temporary files")
    .option("--smoke", "every scenario with sizes that take seconds")
    .option("--record", "write the results to bench/results/growth.json")
    .option("--output <file>", "write the results there")
    .allowExcessArguments(false);
}

export function settingsOf(options: GrowthOptions): GrowthSettings {
  const { rounds, seconds, warmup, rest, callers, records, entriesMost, fillMinutes, memory, budget, seed, dir, smoke } = options;
  const shared = { seed, dir, memoryBytes: memory };
  if (smoke === true) return { ...smokeSizes, ...shared };
  const times = { rounds, seconds, warmupSeconds: warmup, restSeconds: rest, callers };
  const sizes = {
    canisters: { ...fullSizes.canisters, records },
    fill: { records },
    entries: { steps: entrySteps(entriesMost), fillMinutes },
  };
  const data = { ...fullSizes.data, budgetBytes: budget };
  return { ...fullSizes, ...sizes, data, ...times, ...shared };
}

function listOfScenarios(text: string): ScenarioName[] {
  const parse = oneOf(scenarioNames);
  return text.split(",").map((part) => parse(part.trim()));
}

/** 1e8 is easier to read than its zeros. */
function entries(text: string): number {
  const number = Number(text.replaceAll("_", ""));
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError("Write a whole number of entries, such as 1e7.");
  return number;
}

function amount(text: string): number {
  const number = Number(text);
  if (text.trim() === "" || !(number >= 0)) throw new InvalidArgumentError("Write a number that is not negative.");
  return number;
}
