import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { replaceBetween } from "./markdown.js";
import { notCounted } from "./peers-tables.js";
import { drawPlots, type DrawnPlot } from "./plots.js";
import { readmeMarkers, readmeSection } from "./readme-section.js";
import { readResults, resultsFolder } from "./read-results.js";
import { targets } from "./targets.js";
import { figuresText, thresholdsText } from "./verdict-text.js";
import { evaluateTargets, type Verdict } from "./verdicts.js";

export interface Report {
  /** For people: a line a target, and what was not counted. */
  readonly lines: readonly string[];
  /** Files of results that are not there, from the project's root. */
  readonly missing: readonly string[];
  readonly verdicts: readonly Verdict[];
}

/** Reads what is recorded below a project's root, writes the plots beside it and the section of README.md. */
export async function writeReport(root: string): Promise<Report> {
  const folder = join(root, resultsFolder);
  const results = readResults(folder);
  const verdicts = evaluateTargets(targets, results);
  const plots = await drawPlots(results);
  writePlots(join(folder, "plots"), plots);
  const readmePath = join(root, "README.md");
  const plotNames = plots.map(({ name }) => name);
  writeFileSync(readmePath, replaceBetween(readFileSync(readmePath, "utf8"), readmeMarkers, readmeSection(results, plotNames)));
  const left = [results.peers, results.growth].flatMap((suite) => (suite === undefined ? [] : notCounted(suite)));
  const missing = Object.entries(results).flatMap(([suite, recorded]) =>
    recorded === undefined ? [`${resultsFolder}/${suite}.json`] : [],
  );
  return { lines: [...verdictLines(verdicts), ...left.filter((line) => line !== "")], missing, verdicts };
}

function verdictLines(verdicts: readonly Verdict[]): string[] {
  const rows = verdicts.map((verdict) => [verdict.state, verdict.target.what, thresholdsText(verdict), figuresText(verdict)]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

// Files of plots that are drawn no longer are removed: what lies there is what the results give.
function writePlots(folder: string, plots: readonly DrawnPlot[]): void {
  mkdirSync(folder, { recursive: true });
  const files = new Map<string, string | Buffer>();
  for (const { name, svg, png } of plots) files.set(`${name}.svg`, svg).set(`${name}.png`, png());
  for (const name of readdirSync(folder)) if (/\.(svg|png)$/.test(name) && !files.has(name)) rmSync(join(folder, name));
  for (const [name, content] of files) writeFileSync(join(folder, name), content);
}
