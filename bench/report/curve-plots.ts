import { curveGrid, countLabel, microsecondsLabel, type CurvePoint } from "./curve-grid.js";
import { distinct, groupBy, isSound, roundsOf, select, spreadOfMetric, type MetricName } from "./cells.js";
import { formatBytes, formatInteger } from "./format.js";
import { plotTitle, sizeInName, type Plot } from "./plot-style.js";
import type { Measurement, SuiteResults, WorkloadName } from "./results.js";

const curveWorkloads: readonly WorkloadName[] = ["get", "put"];
const workloadTitles: Readonly<Partial<Record<WorkloadName, string>>> = { get: "get", put: "durable put" };
const percentiles: readonly (readonly [MetricName, string])[] = [
  ["p50Us", "p50"],
  ["p99Us", "p99"],
  ["p999Us", "p99.9"],
];

/** Throughput against callers, one plot a value size: gets and durable puts side by side, one row a distribution. */
export function throughputPlots({ about, measurements }: SuiteResults): Plot[] {
  return bySize(curveMeasurements(measurements)).map(([valueBytes, ofSize]) => {
    const points = pointsOf(ofSize, "operationsPerSecond", (one) => ({ column: titleOf(one.workload), row: `${one.distribution} keys` }));
    return {
      name: `throughput-${sizeInName(valueBytes)}`,
      spec: {
        title: plotTitle("Throughput against callers", about, [conditionsOf(ofSize)]),
        ...curveGrid(points, {
          columns: curveWorkloads.map(titleOf),
          axisTitle: "operations a second",
          axisLabel: countLabel,
          isLog: false,
          width: 355,
          height: 260,
        }),
      },
    };
  });
}

/** Latency against callers, one plot a workload and value size: p50, p99 and p99.9 side by side, one row a distribution. */
export function latencyPlots({ about, measurements }: SuiteResults): Plot[] {
  return curveWorkloads.flatMap((workload) =>
    bySize(select(curveMeasurements(measurements), { workload })).map(([valueBytes, ofSize]) => {
      const points = percentiles.flatMap(([metric, column]) =>
        pointsOf(ofSize, metric, ({ distribution }) => ({ column, row: `${distribution} keys` })),
      );
      return {
        name: `latency-${workload}-${sizeInName(valueBytes)}`,
        spec: {
          title: plotTitle(`Latency of a ${titleOf(workload)} against callers`, about, [conditionsOf(ofSize)]),
          ...curveGrid(points, {
            columns: percentiles.map(([, column]) => column),
            axisTitle: "latency",
            axisLabel: microsecondsLabel,
            isLog: true,
            width: 235,
            height: 260,
          }),
        },
      };
    }),
  );
}

function titleOf(workload: WorkloadName): string {
  return workloadTitles[workload] ?? workload;
}

function curveMeasurements(measurements: readonly Measurement[]): Measurement[] {
  return measurements.filter((one) => one.vary === undefined && curveWorkloads.includes(one.workload) && isSound(one));
}

function bySize(measurements: readonly Measurement[]): [number, Measurement[]][] {
  const sizes = [...groupBy(measurements, ({ valueBytes }) => valueBytes)].sort(([a], [b]) => a - b);
  // One number of callers makes no curve.
  return sizes.filter(([, ofSize]) => distinct(ofSize.map(({ callers }) => callers)).length > 1);
}

// Of measurements with values of one size.
function conditionsOf(measurements: readonly Measurement[]): string {
  const records = distinct(measurements.map((one) => formatInteger(one.records))).join(" or ");
  const keys = distinct(measurements.map(({ distribution }) => `${distribution} keys`));
  // Several are the titles of the rows.
  const named = keys.length === 1 ? `, ${keys.join()}` : "";
  const load = `Values of ${formatBytes(measurements[0]?.valueBytes ?? 0)}, ${records} records${named}`;
  return `${load} · line: median of ${roundsOf(measurements)} rounds, band: lowest to highest`;
}

function pointsOf(
  measurements: readonly Measurement[],
  metric: MetricName,
  panelOf: (one: Measurement) => { column: string; row: string },
): CurvePoint[] {
  const cells = groupBy(measurements, (one) => JSON.stringify([one.subject, panelOf(one), one.callers]));
  return [...cells.values()].flatMap((cell) => {
    const [first] = cell;
    const spread = spreadOfMetric(cell, metric);
    if (first === undefined || spread === undefined) return [];
    const { median, min, max } = spread;
    return [{ subject: first.subject, ...panelOf(first), callers: first.callers, median, min, max }];
  });
}
