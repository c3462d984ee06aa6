import { groupBy, ratioOfMetric, select, spreadOfMetric, type Selector } from "./cells.js";
import type { AllResults, Measurement, MicroResults } from "./results.js";
import { spreadOf, type Spread } from "./statistics.js";
import type { FigureSource, Requirement, Target, Threshold } from "./targets.js";

/** A requirement held against what was recorded; without a figure where nothing was. */
export interface Finding {
  readonly threshold: Threshold;
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
  readonly name: string;
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

function evaluate({ threshold, source }: Requirement, results: AllResults): Finding {
  const cells = figuresOf(source, results);
  const isLower = threshold.bound === "atLeast";
  const worst = cells.reduce<CellFigure | undefined>((found, cell) => {
    if (found === undefined) return cell;
    return cell.figure.median < found.figure.median === isLower ? cell : found;
  }, undefined);
  const isMet = worst !== undefined && (isLower ? worst.figure.median >= threshold.value : worst.figure.median <= threshold.value);
  return { threshold, figure: worst?.figure, cell: cells.length > 1 ? (worst?.name ?? "") : "", isMet };
}

function figuresOf(source: FigureSource, results: AllResults): CellFigure[] {
  if (source.kind === "micro") return microFigures(results.micro, source);
  const measurements = results[source.suite]?.measurements ?? [];
  if (source.kind === "value") {
    return byCell(select(measurements, source.cell)).flatMap(([name, cell]) => named(name, spreadOfMetric(cell, source.metric)));
  }
  const against = new Map(byCell(select(measurements, joined(source.cell, source.against)), source.against));
  return byCell(select(measurements, joined(source.cell, source.of)), source.of).flatMap(([name, cell]) =>
    named(name, ratioOfMetric(cell, against.get(name) ?? [], source.metric)),
  );
}

function joined(cell: Selector, side: Selector): Selector {
  return { ...cell, ...side };
}

function named(name: string, figure: Spread | undefined): CellFigure[] {
  return figure === undefined ? [] : [{ name, figure }];
}

// What tells the two sides of a ratio apart is no part of the cell's name, so that the sides find each other.
function byCell(measurements: readonly Measurement[], side: Selector = {}): [string, Measurement[]][] {
  const nameOf = ({ workload, distribution, valueBytes, callers }: Measurement): string =>
    [...(side.workload === undefined ? [workload] : []), distribution, `${valueBytes} B`, `${callers} callers`].join(", ");
  return [...groupBy(measurements, nameOf)];
}

function microFigures(micro: MicroResults | undefined, source: FigureSource & { kind: "micro" }): CellFigure[] {
  const rows = (micro?.rows ?? []).filter(({ name, size }) => name === source.name && size === source.size);
  const values = rows.flatMap((row) => row[source.metric] ?? []);
  return named(source.name, spreadOf(values));
}
