import { formatSizeBytes } from "../../src/base/bytes.js";
import { median } from "../../src/cli/bench/comparison.js";
import { latencyText } from "../../src/cli/bench/report.js";
import type { Measurement, SuiteResults } from "../driver/results.js";
import { perSecondText } from "../peers/table.js";
import { groupBy } from "../report/cells.js";
import { targets } from "../report/targets.js";
import { figuresText, thresholdsText } from "../report/verdict-text.js";
import { evaluateTargets } from "../report/verdicts.js";

const heading = ["", "median", "min .. max", "x first", "p50", "p99", "p99.9", "client CPU", "server CPU", "server RSS", ""];

/**
 * A block for each curve, a line for each of its points: medians over the rounds. "x first" is the throughput against the
 * first line, CPU is seconds per million operations.
 */
export function growthLines(measurements: readonly Measurement[]): string[] {
  const curves = groupBy(measurements, ({ vary, workload, distribution, valueBytes, callers }) =>
    [vary?.name, workload, distribution, formatSizeBytes(valueBytes), `${callers} callers`].join(", "),
  );
  return [...curves].flatMap(([curve, ofCurve]) => {
    const points = [...groupBy(ofCurve, ({ vary, subject }) => `${vary?.value} ${subject}`)].sort(inOrder);
    const first = medianOf(points[0]?.[1] ?? [], "operationsPerSecond");
    const rows = points.map(([point, rounds]) => rowOf(point, rounds, first));
    return [curve, ...aligned([heading, ...rows]), ""];
  });
}

/** Numbers by their size; of two conditions the quiet one first, which is "none". */
function inOrder([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  const place = (point: string): number => (point.startsWith("none") ? -1 : Number.parseFloat(point) || 0);
  return place(left) - place(right);
}

/** The targets that are about growth, as the report words them. */
export function targetLines(growth: SuiteResults): string[] {
  const ofGrowth = targets.filter(({ anyOf }) => anyOf.every(({ source }) => source.kind !== "micro" && source.suite === "growth"));
  const verdicts = evaluateTargets(ofGrowth, { growth, peers: undefined, import: undefined, micro: undefined });
  return verdicts.map((verdict) => `${verdict.target.what}: ${figuresText(verdict)}, target ${thresholdsText(verdict)}: ${verdict.state}`);
}

type Figure = Exclude<{ [Name in keyof Measurement]: Measurement[Name] extends number ? Name : never }[keyof Measurement], undefined>;

function medianOf(rounds: readonly Measurement[], figure: Figure): number {
  return median(rounds.map((round) => round[figure]));
}

function rowOf(point: string, rounds: readonly Measurement[], first: number): string[] {
  const speeds = rounds.map(({ operationsPerSecond }) => operationsPerSecond);
  const resident = medianOf(rounds, "serverResidentBytes");
  const failures = rounds.reduce((sum, { errors, wrong }) => sum + errors + wrong, 0);
  return [
    point,
    perSecondText(median(speeds)),
    `${perSecondText(Math.min(...speeds))} .. ${perSecondText(Math.max(...speeds))}`,
    (median(speeds) / first).toFixed(2),
    latencyText(medianOf(rounds, "p50Us")),
    latencyText(medianOf(rounds, "p99Us")),
    latencyText(medianOf(rounds, "p999Us")),
    medianOf(rounds, "clientCpuSecondsPerMillion").toFixed(2),
    medianOf(rounds, "serverCpuSecondsPerMillion").toFixed(2),
    resident === 0 ? "-" : formatSizeBytes(resident),
    failures === 0 ? "" : `${failures} ERRORS OR WRONG READS`,
  ];
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = heading.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const pad = (text: string, i: number): string => (i === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[i] ?? 0));
  return rows.map((row) => `  ${row.map(pad).join("  ")}`.trimEnd());
}
