import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AllResults, Measurement } from "./results.js";

const suiteNames = ["peers", "growth", "import", "micro"] as const;

/** Where a run writes its results, from the project's root. */
export const resultsFolder = "bench/results";

/**
 * What is recorded in a folder. A file that is not there leaves its suite undefined. Throws, naming the file, where one is
 * there but is no record of its suite.
 */
export function readResults(folder: string): AllResults {
  const [peers, growth, imports, micro] = suiteNames.map((suite) => readSuite(join(folder, `${suite}.json`), suite));
  return { peers, growth, import: withoutGaps(imports as AllResults["import"]), micro } as AllResults;
}

function readSuite(path: string, suite: string): object | undefined {
  if (!existsSync(path)) return undefined;
  const recorded = parse(path);
  const isSuite = typeof recorded === "object" && recorded !== null && "suite" in recorded && recorded.suite === suite;
  const list = suite === "micro" ? "rows" : "measurements";
  if (isSuite && Array.isArray((recorded as Record<string, unknown>)[list])) return recorded;
  throw new TypeError(`${path} is no record of the suite ${suite}`);
}

function parse(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new TypeError(`${path} is not JSON`, { cause });
  }
}

// An import stops at the first error, so its records leave out how many there were.
function withoutGaps(results: AllResults["import"]): AllResults["import"] {
  if (results === undefined) return undefined;
  const filled = results.measurements.map((one): Measurement => ({ ...noErrors, ...one }));
  return { ...results, measurements: filled };
}

const noErrors = { errors: 0, wrong: 0 };
