import type { Measurement, SubjectName, WorkloadName } from "./results.js";
import { ratioSpread, spreadOf, type RoundFigure, type Spread } from "./statistics.js";

/** A field that is absent matches everything; `vary` absent matches only what is no point of a growth curve. */
export interface Selector {
  readonly subject?: SubjectName;
  readonly workload?: WorkloadName;
  readonly distribution?: string;
  readonly valueBytes?: number;
  readonly callers?: number;
  readonly records?: number;
  readonly vary?: { readonly name: string; readonly value?: number | string };
}

/** What can be read from a measurement. */
export type MetricName =
  | "operationsPerSecond"
  | "p50Us"
  | "p99Us"
  | "p999Us"
  | "clientCpuSecondsPerMillion"
  | "serverCpuSecondsPerMillion"
  | "serverResidentBytes"
  | "megabytesPerSecond";

export function matches(measurement: Measurement, selector: Selector): boolean {
  const { vary, ...plain } = selector;
  const names = Object.keys(plain) as (keyof typeof plain)[];
  if (names.some((name) => plain[name] !== undefined && measurement[name] !== plain[name])) return false;
  if (vary === undefined || measurement.vary === undefined) return vary === measurement.vary;
  return measurement.vary.name === vary.name && (vary.value === undefined || measurement.vary.value === vary.value);
}

export function select(measurements: readonly Measurement[], selector: Selector): Measurement[] {
  return measurements.filter((measurement) => matches(measurement, selector));
}

/** An answer that failed or was wrong costs nothing to give: such a round is not counted, and named wherever results are shown. */
export function isSound({ errors, wrong }: Measurement): boolean {
  return errors === 0 && wrong === 0;
}

export function metricOf(measurement: Measurement, metric: MetricName): number {
  if (metric === "megabytesPerSecond")
    return (measurement.bytesPerSecond ?? measurement.operationsPerSecond * measurement.valueBytes) / 1e6;
  return measurement[metric];
}

export function figuresOf(measurements: readonly Measurement[], metric: MetricName): RoundFigure[] {
  return measurements.filter(isSound).map((measurement) => ({ round: measurement.round, value: metricOf(measurement, metric) }));
}

/** Spread over the rounds of one cell. */
export function spreadOfMetric(measurements: readonly Measurement[], metric: MetricName): Spread | undefined {
  return spreadOf(figuresOf(measurements, metric).map(({ value }) => value));
}

export function ratioOfMetric(
  numerators: readonly Measurement[],
  denominators: readonly Measurement[],
  metric: MetricName,
): Spread | undefined {
  return ratioSpread(figuresOf(numerators, metric), figuresOf(denominators, metric));
}

/** Of how many rounds the medians are: the most that any cell has. */
export function roundsOf(measurements: readonly Measurement[]): number {
  const cells = groupBy(measurements, ({ subject, workload, distribution, valueBytes, callers, vary }) =>
    JSON.stringify([subject, workload, distribution, valueBytes, callers, vary]),
  );
  return Math.max(0, ...[...cells.values()].map((cell) => new Set(cell.map(({ round }) => round)).size));
}

/** Groups in order of first appearance. */
export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** The distinct values, in order of first appearance. */
export function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
