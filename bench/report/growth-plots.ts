import type { TopLevelSpec } from "vega-lite";
import { distinct, groupBy, isSound, roundsOf, spreadOfMetric, type MetricName } from "./cells.js";
import { countLabel, microsecondsLabel } from "./curve-grid.js";
import { formatBytes, formatCount, formatInteger, formatMicroseconds } from "./format.js";
import { headroom, plotConfig, plotTitle, subjectScales, type Plot } from "./plot-style.js";
import type { Measurement, SubjectName, SuiteResults, WorkloadName } from "./results.js";
import { subjectLabel, subjectLooks } from "./subjects.js";

interface Dimension {
  readonly name: string;
  readonly fileName: string;
  readonly title: string;
  readonly axisTitle: string;
  /** Where it is not that each caller waits for its answer. */
  readonly load?: (callers: string) => string;
}

const dimensions: readonly Dimension[] = [
  { name: "canisters", fileName: "growth-canisters", title: "The same load over more canisters", axisTitle: "canisters" },
  { name: "entries", fileName: "growth-entries", title: "The same load over more entries", axisTitle: "entries" },
  {
    name: "dataTimesBudget",
    fileName: "growth-memory",
    title: "Data against the memory budget",
    axisTitle: "data, as a multiple of the memory budget",
  },
  { name: "splitting", fileName: "growth-splitting", title: "During continuous splitting", axisTitle: "splits" },
  {
    name: "fill",
    fileName: "growth-fill",
    title: "Half load, while a fill runs in the background",
    axisTitle: "fill",
    load: (callers) => `half of the pace that ${callers} callers reach alone, or beside the fill`,
  },
];

const panels = [
  { metric: "operationsPerSecond", axisTitle: "operations a second", labelExpr: countLabel, format: formatCount },
  { metric: "p99Us", axisTitle: "p99 latency", labelExpr: microsecondsLabel, format: formatMicroseconds },
] as const satisfies readonly { metric: MetricName; axisTitle: string; labelExpr: string; format: (value: number) => string }[];

/** The quiet condition, the one that is asked about, and another. */
const conditionColours = ["#B8CFDF", subjectLooks.bigmap.colour, "#7FA8C9"];

interface GrowthPoint {
  readonly subject: SubjectName;
  readonly workload: string;
  readonly value: number | string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** One plot for each dimension that was measured: throughput beside p99, one line a subject and workload. */
export function growthPlots({ about, measurements }: SuiteResults): Plot[] {
  return dimensions.flatMap((dimension) => {
    const ofDimension = measurements.filter((one) => one.vary?.name === dimension.name && isSound(one));
    if (ofDimension.length === 0) return [];
    const hconcat = panels.map(({ metric, axisTitle, labelExpr, format }) => {
      const points = pointsOf(ofDimension, metric);
      const isCurve = points.every(({ value }) => typeof value === "number");
      const domainMax = Math.max(...points.map(({ max }) => max)) * headroom;
      const y = { type: "quantitative", scale: { zero: true, domainMax }, title: axisTitle, axis: { labelExpr, tickCount: 6 } };
      return { width: 355, height: 250, ...(isCurve ? linePanel(points, dimension, y) : barPanel(points, dimension, y, format)) };
    });
    const spec = {
      title: plotTitle(dimension.title, about, [conditionsOf(ofDimension, dimension)]),
      config: plotConfig,
      spacing: 36,
      hconcat,
    };
    return [{ name: dimension.fileName, spec: spec as TopLevelSpec }];
  });
}

function conditionsOf(measurements: readonly Measurement[], dimension: Dimension): string {
  const list = (values: readonly string[]): string => distinct(values).join(" or ");
  const sizes = list(measurements.map(({ valueBytes }) => formatBytes(valueBytes)));
  const callers = list(measurements.map((one) => formatInteger(one.callers)));
  const distributions = list(measurements.map(({ distribution }) => distribution));
  const load = `Values of ${sizes}, ${dimension.load?.(callers) ?? `${callers} callers`}, ${distributions} keys`;
  return `${load} · median of ${roundsOf(measurements)} rounds, lowest to highest`;
}

function pointsOf(measurements: readonly Measurement[], metric: MetricName): GrowthPoint[] {
  const cells = groupBy(measurements, ({ subject, workload, distribution, valueBytes, callers, vary }) =>
    JSON.stringify([subject, workload, distribution, valueBytes, callers, vary?.value]),
  );
  return [...cells.values()].flatMap((cell) => {
    const [first] = cell;
    const spread = spreadOfMetric(cell, metric);
    const value = first?.vary?.value;
    if (first === undefined || spread === undefined || value === undefined) return [];
    const { median, min, max } = spread;
    return [{ subject: first.subject, workload: workloadTitle(first.workload), value, median, min, max }];
  });
}

function workloadTitle(workload: WorkloadName): string {
  return workload === "put" ? "durable put" : workload;
}

function linePanel(points: readonly GrowthPoint[], dimension: Dimension, y: object): object {
  const { color } = subjectScales(new Set(points.map(({ subject }) => subject)));
  const workload = { field: "workload", type: "nominal", sort: distinct(points.map((point) => point.workload)) };
  const colour = { field: "subject", type: "nominal", scale: color };
  const x = {
    field: "value",
    type: "quantitative",
    scale: { type: "log", nice: false, padding: 24 },
    axis: {
      title: dimension.axisTitle,
      values: distinct(points.map(({ value }) => value)),
      labelExpr: "format(datum.value, datum.value < 1e4 ? ',' : '.3~s')",
      labelOverlap: false,
    },
  };
  return {
    data: { values: points.map((point) => ({ ...point, subject: subjectLabel(point.subject) })) },
    encoding: { x },
    layer: [
      {
        mark: { type: "area", opacity: 0.16 },
        encoding: { y: { ...y, field: "min" }, y2: { field: "max" }, color: colour, detail: workload },
      },
      { mark: { type: "line", strokeWidth: 2.2 }, encoding: { y: { ...y, field: "median" }, color: colour, strokeDash: workload } },
      {
        mark: { type: "point", filled: true, size: 55, opacity: 1 },
        encoding: { y: { ...y, field: "median" }, color: colour, shape: workload },
      },
    ],
  };
}

function isQuiet(value: number | string): boolean {
  return value === "none";
}

// A few conditions are no curve: bars side by side, ours in its colour, the quiet condition pale.
function barPanel(points: readonly GrowthPoint[], dimension: Dimension, y: object, format: (value: number) => string): object {
  const condition = (value: number | string): string => `${dimension.axisTitle}: ${value}`;
  const measured = distinct(points.map(({ value }) => value));
  const conditions = [...measured.filter(isQuiet), ...measured.filter((value) => !isQuiet(value))];
  const subjects = distinct(points.map(({ subject }) => subject));
  const groupOf = ({ subject, workload }: GrowthPoint): string =>
    subjects.length > 1 ? `${subjectLabel(subject)}: ${workload}` : workload;
  const place = {
    x: { field: "group", type: "nominal", sort: distinct(points.map(groupOf)), title: null, axis: { labelAngle: 0, labelFontSize: 11 } },
    xOffset: { field: "condition", type: "nominal", sort: conditions.map(condition), scale: { paddingInner: 0.15 } },
  };
  const fill = { field: "condition", type: "nominal", sort: conditions.map(condition), scale: { range: conditionColours } };
  const text = { type: "text", baseline: "bottom", dy: -4, fontSize: 10, color: "#222222" };
  return {
    data: {
      values: points.map((point) => ({ ...point, group: groupOf(point), condition: condition(point.value), text: format(point.median) })),
    },
    layer: [
      { mark: "bar", encoding: { ...place, y: { ...y, field: "median" }, color: fill } },
      { mark: { type: "rule", color: "#222222" }, encoding: { ...place, y: { ...y, field: "min" }, y2: { field: "max" } } },
      { mark: text, encoding: { ...place, y: { ...y, field: "max" }, text: { field: "text" } } },
    ],
  };
}
