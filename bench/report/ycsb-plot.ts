import type { TopLevelSpec } from "vega-lite";
import { distinct, ratioOfMetric, select } from "./cells.js";
import { formatBytes, formatRatio } from "./format.js";
import { headroom, plotConfig, plotTitle, subjectScales, type Plot } from "./plot-style.js";
import type { Measurement, SubjectName, SuiteResults } from "./results.js";
import { subjectLabel, subjectLooks, subjectOrder } from "./subjects.js";

const letters = ["A", "B", "C", "D", "F"] as const;
const mixes: Readonly<Record<(typeof letters)[number], string>> = {
  A: "half gets, half puts",
  B: "95 % gets",
  C: "gets only",
  D: "95 % gets, of the latest",
  F: "half read-modify-write",
};
const baseline: SubjectName = "redis-always";
const preferredCallers = 256;
const targetRatio = 1.3;
const targetValueBytes = 1024;

interface Bar {
  readonly subject: SubjectName;
  readonly panel: string;
  readonly mix: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Throughput of the YCSB mixes as a ratio to Redis that syncs every write; one row of bars a value size and distribution. */
export function ycsbPlots({ about, measurements }: SuiteResults): Plot[] {
  const ofMixes = measurements.filter(({ workload, vary }) => workload.startsWith("ycsb-") && vary === undefined);
  const callers = callersOf(ofMixes);
  const bars = barsOf(select(ofMixes, { callers }));
  if (bars.length === 0) return [];
  const how = [
    `Throughput of ${callers} callers divided by that of ${subjectLabel(baseline)} in the same round`,
    `Bar: median of the rounds, whisker: lowest to highest · red line: Redis itself, dashed line: the target, ${formatRatio(targetRatio)}`,
  ];
  return [{ name: "ycsb", spec: { title: plotTitle("YCSB against Redis", about, how), ...barRows(bars) } as TopLevelSpec }];
}

// What the targets ask for, or else the most that was measured.
function callersOf(measurements: readonly Measurement[]): number {
  const callers = measurements.map((one) => one.callers);
  return callers.includes(preferredCallers) ? preferredCallers : Math.max(0, ...callers);
}

function barsOf(measurements: readonly Measurement[]): Bar[] {
  const sizes = distinct(measurements.map(({ valueBytes }) => valueBytes)).sort((a, b) => b - a);
  return sizes.flatMap((valueBytes) => {
    const ofSize = select(measurements, { valueBytes });
    // D chooses its keys by itself, so it is the same whatever the others do.
    const latest = ofSize.filter(({ workload }) => workload === "ycsb-d");
    const others = ofSize.filter(({ workload }) => workload !== "ycsb-d");
    const distributions = distinct(others.map(({ distribution }) => distribution)).sort();
    return distributions.flatMap((distribution) => {
      const panel = `${formatBytes(valueBytes)} values, ${distribution} keys`;
      return letters.flatMap((letter) => barsOfMix([...select(others, { distribution }), ...latest], letter, panel));
    });
  });
}

function barsOfMix(ofPanel: readonly Measurement[], letter: (typeof letters)[number], panel: string): Bar[] {
  const ofMix = ofPanel.filter(({ workload }) => workload === `ycsb-${letter.toLowerCase()}`);
  const against = select(ofMix, { subject: baseline });
  return subjectOrder.flatMap((subject) => {
    const ratio = subject === baseline ? undefined : ratioOfMetric(select(ofMix, { subject }), against, "operationsPerSecond");
    if (ratio === undefined) return [];
    return [{ subject, panel, mix: `${letter}: ${mixes[letter]}`, median: ratio.median, min: ratio.min, max: ratio.max }];
  });
}

/** A line through a panel: the baseline itself, and what the target asks for where it asks for something. */
interface Reference {
  readonly panel: string;
  readonly line: "baseline" | "target";
  readonly height: number;
}

function referencesOf(bars: readonly Bar[]): Reference[] {
  return distinct(bars.map(({ panel }) => panel)).flatMap((panel): Reference[] => [
    { panel, line: "baseline", height: 1 },
    ...(panel.startsWith(formatBytes(targetValueBytes)) ? [{ panel, line: "target", height: targetRatio } as const] : []),
  ]);
}

function barRows(bars: readonly Bar[]): object {
  const { color } = subjectScales(new Set(bars.map(({ subject }) => subject)));
  const highest = Math.max(...bars.map(({ max }) => max));
  const y = {
    type: "quantitative",
    scale: { domainMax: highest * headroom },
    title: "ratio to Redis",
    axis: { tickCount: 5, labelExpr: "datum.label + ' ×'" },
  };
  const barLayers = layersOf(y, color);
  const referenceLayer = {
    transform: [{ filter: "isValid(datum.line)" }],
    mark: { type: "rule", strokeWidth: 1.4 },
    encoding: {
      y: { ...y, field: "height" },
      color: { condition: { test: "datum.line === 'baseline'", value: subjectLooks[baseline].colour }, value: "#222222" },
      strokeDash: { condition: { test: "datum.line === 'baseline'", value: [1, 0] }, value: [4, 3] },
    },
  };
  const panels = distinct(bars.map(({ panel }) => panel));
  return {
    config: plotConfig,
    data: {
      values: [...bars.map((bar) => ({ ...bar, subject: subjectLabel(bar.subject), label: bar.median.toFixed(2) })), ...referencesOf(bars)],
    },
    facet: { row: { field: "panel", type: "nominal", sort: panels, header: { labelOrient: "top", labelAnchor: "start" } } },
    spacing: 18,
    resolve: { axis: { x: "independent" } },
    spec: { width: 800, height: 170, layer: [referenceLayer, ...barLayers] },
  };
}

function layersOf(y: object, color: { readonly domain: readonly string[] }): object[] {
  const place = {
    x: { field: "mix", type: "nominal", title: null, axis: { labelAngle: 0, labelFontSize: 11, ticks: false, labelPadding: 8 } },
    xOffset: { field: "subject", type: "nominal", scale: { domain: color.domain, paddingInner: 0.12 } },
  };
  const transform = [{ filter: "isValid(datum.mix)" }];
  const textEncoding = { ...place, y: { ...y, field: "max" }, text: { field: "label" } };
  const text = { type: "text", baseline: "bottom", dy: -3, fontSize: 9 };
  return [
    {
      transform,
      mark: "bar",
      encoding: { ...place, y: { ...y, field: "median" }, color: { field: "subject", type: "nominal", scale: color } },
    },
    { transform, mark: { type: "rule", color: "#222222" }, encoding: { ...place, y: { ...y, field: "min" }, y2: { field: "max" } } },
    // A white edge around the figures, where they cross a line.
    { transform, mark: { ...text, color: "#FFFFFF", stroke: "#FFFFFF", strokeWidth: 3 }, encoding: textEncoding },
    { transform, mark: { ...text, color: "#222222" }, encoding: textEncoding },
  ];
}
