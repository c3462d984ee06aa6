import { roundsOf } from "./cells.js";
import { markdownTable } from "./markdown.js";
import { loadTable, notCounted, otherLoadsTable } from "./peers-tables.js";
import { machineLine } from "./plot-style.js";
import { resultsFolder } from "./read-results.js";
import type { AllResults, SuiteResults } from "./results.js";
import { settingsList } from "./settings-list.js";
import { targets } from "./targets.js";
import { figuresText, thresholdsText } from "./verdict-text.js";
import { evaluateTargets, type Verdict } from "./verdicts.js";

/** Around the section in README.md that is made here. */
export const readmeMarkers = { begin: "<!-- bench:begin -->", end: "<!-- bench:end -->" };

const nothingRecorded = "No run is recorded yet: `npm run bench:peers` makes one, `npm run bench:report` puts its figures here.";
const stateTexts = { met: "met", missed: "**missed**", "not measured": "not measured" } as const;
/** Drawn in the section itself; the others are linked. */
const shownPlots = ["throughput-100b", "ycsb"];

/** The section of README.md: targets, tables, plots, settings. `plotNames` are those that there are files of. */
export function readmeSection(results: AllResults, plotNames: readonly string[]): string {
  const { peers, growth, micro } = results;
  if ([peers, growth, micro, results.import].every((suite) => suite === undefined)) return nothingRecorded;
  const verdicts = evaluateTargets(targets, results);
  const parts = [
    ...(peers === undefined ? [] : [runLine(peers)]),
    targetSummary(verdicts),
    targetTable(verdicts),
    ...(peers === undefined ? [] : peersParts(peers)),
    ...plotParts(plotNames),
    settingsPart(results),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function runLine({ about, measurements }: SuiteResults): string {
  const how = `one driver, the same keys, values and callers, everything on one machine, in turn, ${roundsOf(measurements)} rounds`;
  const figures = "medians, in parentheses the lowest and the highest, ratios within a round";
  return `Measured side by side: ${how}; ${figures}.\nMachine: ${machineLine(about)}.`;
}

// Each suite may have been run at another commit, or on another machine.
function settingsPart({ peers, growth, micro }: AllResults): string {
  const parts = [
    ...(peers === undefined ? [] : [`The run beside the peers (${machineLine(peers.about)}):\n\n${settingsList(peers)}`]),
    ...(growth === undefined ? [] : [`The growth run (${machineLine(growth.about)}):\n\n${settingsList(growth)}`]),
    ...(micro === undefined ? [] : [`The micro benchmarks: ${machineLine(micro.about)}.`]),
  ];
  return parts.length === 0 ? "" : `<details>\n<summary>Settings and versions</summary>\n\n${parts.join("\n\n")}\n\n</details>`;
}

function targetSummary(verdicts: readonly Verdict[]): string {
  const count = (state: Verdict["state"]): number => verdicts.filter((verdict) => verdict.state === state).length;
  const rest = (["missed", "not measured"] as const).filter((state) => count(state) > 0).map((state) => `${count(state)} ${state}`);
  return [`**Targets**: ${count("met")} of ${verdicts.length} met`, ...rest].join(", ") + ".";
}

/** Every target, with its figure and its verdict. */
export function targetTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict) => [verdict.target.what, thresholdsText(verdict), figuresText(verdict), stateTexts[verdict.state]]);
  return markdownTable(["what", "target", "measured", ""], rows);
}

function peersParts(peers: SuiteResults): string[] {
  return [
    loadTable(peers, { title: "Gets", workload: "get", valueBytes: 100, callers: 256, distributions: ["zipfian", "uniform"] }),
    loadTable(peers, { title: "Durable puts", workload: "put", valueBytes: 100, callers: 256, distributions: ["uniform", "zipfian"] }),
    otherLoadsTable(peers),
    notCounted(peers),
  ];
}

function plotParts(plotNames: readonly string[]): string[] {
  const path = (name: string, ends: string): string => `${resultsFolder}/plots/${name}.${ends}`;
  const words = (name: string): string => name.replaceAll("-", " ");
  const shown = shownPlots.filter((name) => plotNames.includes(name)).map((name) => `![${words(name)}](${path(name, "png")})`);
  const linked = plotNames.filter((name) => !shownPlots.includes(name)).map((name) => `[${words(name)}](${path(name, "svg")})`);
  return [...shown, ...(linked.length === 0 ? [] : [`More plots: ${linked.join(", ")}.`])];
}
