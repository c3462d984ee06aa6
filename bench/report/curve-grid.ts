import type { TopLevelSpec } from "vega-lite";
import { distinct } from "./cells.js";
import { plotConfig, subjectScales } from "./plot-style.js";
import type { SubjectName } from "./results.js";
import { subjectLabel } from "./subjects.js";

/** One point of a curve, in one panel of a grid. */
export interface CurvePoint {
  readonly subject: SubjectName;
  readonly column: string;
  readonly row: string;
  readonly callers: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface CurveGridSettings {
  /** Order of the columns; those without a point are left out. */
  readonly columns: readonly string[];
  readonly axisTitle: string;
  /** Expression of vega for the text of a tick. */
  readonly axisLabel: string;
  readonly isLog: boolean;
  /** Of one panel, in pixels. */
  readonly width: number;
  readonly height: number;
}

export const countLabel = "format(datum.value, '~s')";
export const microsecondsLabel = [
  "datum.value === 0 ? '0'",
  "datum.value >= 1e6 ? format(datum.value / 1e6, '~r') + ' s'",
  "datum.value >= 1e3 ? format(datum.value / 1e3, '~r') + ' ms'",
  "format(datum.value, '~r') + ' µs'",
].join(" : ");

/** Panels of curves against callers: a band from the lowest to the highest round, a line through the medians, a symbol at each. */
export function curveGrid(points: readonly CurvePoint[], settings: CurveGridSettings): TopLevelSpec {
  const { color, shape, dash } = subjectScales(new Set(points.map(({ subject }) => subject)));
  const callers = distinct(points.map((point) => point.callers)).sort((a, b) => a - b);
  const columns = settings.columns.filter((name) => points.some(({ column }) => column === name));
  const rows = distinct(points.map(({ row }) => row)).sort();
  const scale = settings.isLog ? { type: "log" as const } : { zero: true };
  // Between the powers of ten a log axis keeps its grid lines, but not their labels.
  const axis = settings.isLog
    ? { values: powersOfTen(points), labelExpr: settings.axisLabel }
    : { labelExpr: settings.axisLabel, tickCount: 6 };
  const y = { field: "median", type: "quantitative" as const, scale, title: settings.axisTitle, axis };
  const isOurs = { test: `datum.subject === '${subjectLabel("bigmap")}'`, value: 3.2 };
  const colour = { field: "subject", type: "nominal" as const, scale: color };
  return {
    config: plotConfig,
    // What is drawn last lies on top: ours.
    data: { values: [...points].reverse().map((point) => ({ ...point, subject: subjectLabel(point.subject) })) },
    facet: {
      ...(columns.length > 1 ? { column: { field: "column", type: "nominal", sort: columns } } : {}),
      ...(rows.length > 1 ? { row: { field: "row", type: "nominal", sort: rows } } : {}),
    },
    spacing: 24,
    resolve: { scale: settings.isLog ? {} : { y: "independent" } },
    spec: {
      width: settings.width,
      height: settings.height,
      encoding: {
        x: {
          field: "callers",
          type: "quantitative",
          scale: { type: "log", nice: false, padding: 10 },
          axis: { title: "callers", values: callers, labelExpr: "format(datum.value, ',')", labelOverlap: false },
        },
      },
      layer: [
        {
          mark: { type: "area", opacity: 0.16 },
          encoding: { y: { ...y, field: "min" }, y2: { field: "max" }, color: colour },
        },
        {
          mark: { type: "line" },
          encoding: {
            y,
            color: colour,
            strokeWidth: { condition: isOurs, value: 1.8 },
            strokeDash: { field: "subject", type: "nominal", scale: dash },
          },
        },
        {
          mark: { type: "point", filled: true, size: 55, opacity: 1 },
          encoding: { y, color: colour, shape: { field: "subject", type: "nominal", scale: shape } },
        },
      ],
    },
  };
}

function powersOfTen(points: readonly CurvePoint[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...points.map(({ min }) => min))));
  const last = Math.ceil(Math.log10(Math.max(...points.map(({ max }) => max))));
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
}
