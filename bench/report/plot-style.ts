import type { Config, TopLevelSpec } from "vega-lite";
import { fontStack } from "./font.js";
import { formatBytes } from "./format.js";
import type { About, SubjectName } from "./results.js";
import { subjectLooks, subjectOrder } from "./subjects.js";

/** A plot by the name of its files. */
export interface Plot {
  readonly name: string;
  readonly spec: TopLevelSpec;
}

const ink = "#222222";
const softInk = "#666666";
const gridLine = "#E6E6E6";

/** How much higher than the highest bar an axis reaches, so that there is room for a figure above it. */
export const headroom = 1.12;

// The types of vega-lite leave out the layout of several legends, which vega knows.
const severalLegends = { layout: { bottom: { margin: 28 } } } as object as NonNullable<Config["legend"]>;

export const plotConfig: Config = {
  aria: false,
  background: "#FFFFFF",
  font: fontStack,
  padding: 16,
  view: { stroke: "#CCCCCC" },
  title: {
    anchor: "start",
    frame: "group",
    color: ink,
    fontSize: 16,
    fontWeight: "bold",
    offset: 14,
    subtitleColor: softInk,
    subtitleFontSize: 10.5,
    subtitleLineHeight: 15,
    subtitlePadding: 6,
  },
  header: { labelColor: ink, labelFontSize: 12, labelFontWeight: "bold", labelPadding: 6, title: null },
  axis: {
    labelColor: ink,
    labelFontSize: 10,
    titleColor: ink,
    titleFontSize: 11,
    titleFontWeight: "normal",
    titlePadding: 8,
    gridColor: gridLine,
    domainColor: "#888888",
    tickColor: "#888888",
  },
  legend: {
    orient: "bottom",
    direction: "horizontal",
    title: null,
    labelColor: ink,
    labelFontSize: 11,
    labelLimit: 0,
    symbolSize: 90,
    symbolOpacity: 1,
    symbolStrokeWidth: 2,
    columnPadding: 24,
    rowPadding: 5,
    offset: 14,
    columns: 3,
    ...severalLegends,
  },
};

/** Title, and below it what was measured, on which machine, of which commit. */
export function plotTitle(text: string, about: About, how: readonly string[]): { text: string; subtitle: string[] } {
  return { text, subtitle: [...how, machineLine(about)] };
}

/** `Intel Xeon, 2 cores, 23.5 GiB, Linux 6.1 · commit 0123456 · 2026-01-31`. */
export function machineLine({ machine, commit, startedAt }: About): string {
  const cpu = machine.cpuModel
    .replace(/\((R|TM)\)/g, "")
    .replace(/\s+/g, " ")
    .trim();
  const parts = [cpu, `${machine.cores} cores`, formatBytes(machine.memoryBytes), machine.kernel].filter((part) => part !== "");
  // A plus says that files were changed since the commit.
  const hash = commit.slice(0, 7) + (commit.endsWith("+") ? "+" : "");
  return `${parts.join(", ")} · commit ${hash} · ${startedAt.slice(0, 10)}`;
}

/** One colour, symbol and dash a subject, the same in every plot; only the subjects that a plot shows are in its legend. */
export function subjectScales(shown: ReadonlySet<SubjectName>): {
  color: { domain: string[]; range: string[] };
  shape: { domain: string[]; range: string[] };
  dash: { domain: string[]; range: number[][] };
} {
  const looks = subjectOrder.filter((subject) => shown.has(subject)).map((subject) => subjectLooks[subject]);
  const domain = looks.map(({ label }) => label);
  return {
    color: { domain, range: looks.map(({ colour }) => colour) },
    shape: { domain, range: looks.map(({ shape }) => shape) },
    dash: { domain, range: looks.map(({ isFloor }) => (isFloor ? [5, 3] : [1, 0])) },
  };
}

/** `100b`, `1kib`: a size in the name of a file. */
export function sizeInName(valueBytes: number): string {
  return formatBytes(valueBytes).replace(" ", "").toLowerCase();
}
