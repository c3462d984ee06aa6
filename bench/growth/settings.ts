import type { SuiteResults } from "../driver/results.js";

export const scenarioNames = ["canisters", "entries", "dataTimesBudget", "splitting", "fill"] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** The sizes of a run, the same for everything that a plot compares. */
export interface GrowthSettings {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Longest wait for the machine to come to rest before a measurement. */
  readonly restSeconds: number;
  readonly seed: number;
  readonly callers: number;
  /** On which the data is written; undefined: the system's folder for temporary files. */
  readonly dir: string | undefined;
  /** Of a server, but where the scenario is about memory. */
  readonly memoryBytes: number;
  readonly canisters: { readonly records: number; readonly counts: readonly number[] };
  readonly entries: { readonly steps: readonly number[]; readonly fillMinutes: number };
  readonly data: { readonly budgetBytes: number; readonly multiples: readonly number[] };
  readonly splitting: {
    readonly records: number;
    readonly canisterCapBytes: number;
    readonly ranges: number;
    readonly fillPerSecond: number;
  };
  readonly fill: { readonly records: number };
}

const mibBytes = 1024 * 1024;

/** What no option sets, of a run of about ten minutes on two cores. */
export const fullSizes = {
  canisters: { counts: [1, 16, 256, 4096] },
  data: { budgetBytes: 256 * mibBytes, multiples: [0.5, 1, 4] },
  splitting: { records: 200_000, canisterCapBytes: mibBytes / 4, ranges: 32, fillPerSecond: 20_000 },
} as const;

/** Everything is touched, nothing is measured. The smallest budget is 16 MiB, so that the data is small by its multiples. */
export const smokeSizes: Omit<GrowthSettings, "seed" | "dir" | "memoryBytes"> = {
  rounds: 2,
  seconds: 0.05,
  warmupSeconds: 0,
  restSeconds: 0,
  callers: 8,
  canisters: { records: 300, counts: [16] },
  entries: { steps: [1000], fillMinutes: 1 },
  data: { budgetBytes: 16 * mibBytes, multiples: [1 / 32] },
  splitting: { records: 1000, canisterCapBytes: mibBytes / 16, ranges: 4, fillPerSecond: 10_000 },
  fill: { records: 300 },
};

const firstStep = 100_000;

/** 10⁵, 10⁶ … up to `most`, which is the last step even where it is no power of ten. */
export function entrySteps(most: number): number[] {
  const steps: number[] = [];
  for (let step = firstStep; step < most; step *= 10) steps.push(step);
  return [...steps, most];
}

/** What is recorded of the run as a whole; `scenarios` is what each one says of itself. */
export function recordedSettings(settings: GrowthSettings, scenarios: SuiteResults["settings"]): SuiteResults["settings"] {
  const { rounds, seconds, warmupSeconds, restSeconds, seed, callers } = settings;
  return { rounds, seconds, warmupSeconds, restSeconds, seed, callers, scenarios };
}
