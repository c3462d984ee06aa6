import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { arch, cpus, platform, totalmem } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../house/source-files.js";

/** What a long run found. */
export interface RunReport {
  readonly settings: object;
  readonly figures: object;
  /** One sentence each; empty where everything held. */
  readonly violations: readonly string[];
}

const shownViolations = 20;

/** Writes test/long/records/NAME.json: what was run, on which machine, with which result. */
export function writeRecord(name: string, report: RunReport): void {
  const folder = join(projectRoot, "test/long/records");
  mkdirSync(folder, { recursive: true });
  const record = {
    name,
    date: new Date().toISOString(),
    commit: commitNow(),
    machine: { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, memoryBytes: totalmem(), platform: `${platform()} ${arch()}` },
    node: process.version,
    verdict: report.violations.length === 0 ? "passed" : "failed",
    ...report,
    violations: report.violations.slice(0, shownViolations),
  };
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`);
}

/** Prints the verdict, writes the record and sets the exit code. */
export function conclude(name: string, report: RunReport): void {
  writeRecord(name, report);
  console.log(JSON.stringify(report.figures, null, 2));
  for (const violation of report.violations.slice(0, shownViolations)) console.log(`VIOLATION ${violation}`);
  const { length } = report.violations;
  console.log(length === 0 ? `${name}: PASSED, nothing violated` : `${name}: FAILED, ${length} violation${length === 1 ? "" : "s"}`);
  process.exitCode = length === 0 ? 0 : 1;
}

function commitNow(): string {
  const git = (...words: string[]): string =>
    execFileSync("git", words, { cwd: projectRoot, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  try {
    const changes = git("status", "--porcelain", "--untracked-files=no").trim();
    return git("rev-parse", "HEAD").trim() + (changes === "" ? "" : " with changes");
  } catch {
    return "unknown";
  }
}
