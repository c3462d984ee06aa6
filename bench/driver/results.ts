import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { SuiteResults } from "../report/results.js";

/** The shapes are those that the report reads. */
export type {
  About,
  Measurement,
  Settings,
  SettingValue,
  SubjectName,
  SubjectRecord,
  SuiteResults,
  WorkloadName,
} from "../report/results.js";

/** Writes the results as JSON, a measurement a line: a full run has hundreds. */
export function writeResults(path: string, results: SuiteResults): void {
  const { measurements, ...rest } = results;
  const head = JSON.stringify(rest, null, 2).replace(/\n}$/, "");
  const rows = measurements.map((measurement) => `    ${JSON.stringify(measurement)}`).join(",\n");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${head},\n  "measurements": [\n${rows}\n  ]\n}\n`);
}
