import { groupBy, ratioOfMetric, select, spreadOfMetric, type Selector } from "./cells.js";
import { formatBytes } from "./format.js";
import type { AllResults, Measurement, MicroResults } from "./results.js";
import { spreadOf, type Spread } from "./statistics.js";
import type { FigureSource, Requirement, Target, Threshold } from "./targets.js";

/** A requirement held against what was recorded; without a figure where nothing was. */
export interface Finding {
  readonly threshold: Threshold;
  readonly note: string;
  readonly figure: Spread | undefined;
  /** Which of several cells was the worst; empty where there is only one. */
  readonly cell: string;
  readonly isMet: boolean;
}

export type VerdictState = "met" | "missed" | "not measured";

export interface Verdict {
  readonly target: Target;
  readonly state: VerdictState;
  /** One a requirement, in their order. */
  readonly findings: readonly Finding[];
}

interface CellFigure {
  readonly parts: readonly string[];
  readonly figure: Spread;
}

/** Every target in its order. */
export function evaluateTargets(targets: readonly Target[], results: AllResults): Verdict[] {
  return targets.map((target) => {
    const findings = target.anyOf.map((requirement) => evaluate(requirement, results));
    return { target, findings, state: stateOf(findings) };
  });
}

function stateOf(findings: readonly Finding[]): VerdictState {
  if (findings.some(({ isMet }) => isMet)) return "met";
  // An alternative that was not measured could still be met: only when all were is a target missed.
  return findings.every(({ figure }) => figure !== undefined) ? "missed" : "not measured";
}

function evaluate({ threshold, source, note = "" }: Requirement, results: AllResults): Finding {
  const cells = figuresOf(source, results);
  const isLower = threshold.bound === "atLeast";
  const worst = cells.reduce<CellFigure | undefined>((found, cell) => {
    if (found === undefined) return cell;
    return cell.figure.median < found.figure.median === isLower ? cell : found;
  }, undefined);
  const isMet = worst !== undefined && (isLower ? worst.figure.median >= threshold.value : worst.figure.median <= threshold.value);
  return { threshold, note, figure: worst?.figure, cell: worst === undefined ? "" : partsThatDiffer(worst.parts, cells), isMet };
}

// What all cells share says nothing about the worst of them.
function partsThatDiffer(parts: readonly string[], cells: readonly CellFigure[]): string {
  return parts.filter((part, i) => cells.some((cell) => cell.parts[i] !== part)).join(", ");
}

function figuresOf(source: FigureSource, results: AllResults): CellFigure[] {
  if (source.kind === "micro") return microFigures(results.micro, source);
  const measurements = results[source.suite]?.measurements ?? [];
  if (source.kind === "value") {
    const cells = byCell(select(measurements, source.cell), {});
    return [...cells.values()].flatMap(({ parts, measured }) => figureOf(parts, spreadOfMetric(measured, source.metric)));
  }
  const [numerators, denominators] = [source.of, source.against].map((side) =>
    byCell(select(measurements, { ...source.cell, ...side }), side),
  );
  return [...(numerators ?? [])].flatMap(([key, { parts, measured }]) =>
    figureOf(parts, ratioOfMetric(measured, denominators?.get(key)?.measured ?? [], source.metric)),
  );
}

function figureOf(parts: readonly string[], figure: Spread | undefined): CellFigure[] {
  return figure === undefined ? [] : [{ parts, figure }];
}

interface Cell {
  readonly parts: readonly string[];
  readonly measured: readonly Measurement[];
}

// What tells the two sides of a ratio apart is no part of a cell's key, so that the sides find each other.
function byCell(measurements: readonly Measurement[], side: Selector): Map<string, Cell> {
  const partsOf = ({ workload, distribution, valueBytes, callers }: Measurement): string[] => [
    side.workload === undefined ? workload : "",
    `${distribution} keys`,
    formatBytes(valueBytes),
    `${callers} callers`,
  ];
  const groups = groupBy(measurements, (one) => partsOf(one).join());
  return new Map([...groups].map(([key, measured]) => [key, { parts: measured[0] === undefined ? [] : partsOf(measured[0]), measured }]));
}

function microFigures(micro: MicroResults | undefined, source: FigureSource & { kind: "micro" }): CellFigure[] {
  const rows = (micro?.rows ?? []).filter(({ name, size }) => name === source.name && size === source.size);
  return figureOf([], spreadOf(rows.flatMap((row) => row[source.metric] ?? [])));
}
