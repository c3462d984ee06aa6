import { formatSizeBytes } from "../../src/base/bytes.js";
import { median } from "../../src/cli/bench/comparison.js";
import { latencyText } from "../../src/cli/bench/report.js";
import type { Measurement } from "../driver/results.js";

const baseline = "redis-always";

type CellFields = Pick<Measurement, "workload" | "distribution" | "valueBytes" | "callers">;

/** "get, zipfian, 100 B, 256 callers" */
export function cellText({ workload, distribution, valueBytes, callers }: CellFields): string {
  const how = distribution === "none" ? "" : `, ${distribution}`;
  return `${workload}${how}, ${formatSizeBytes(valueBytes)}, ${callers} ${callers === 1 ? "caller" : "callers"}`;
}

/** "312 k/s", "1.21 M/s" */
export function perSecondText(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M/s`;
  return perSecond >= 1e4 ? `${(perSecond / 1e3).toFixed(0)} k/s` : `${(perSecond / 1e3).toFixed(2)} k/s`;
}

const heading = ["", "median", "min .. max", "x redis", "p50", "p99", "p99.9", "client CPU", "server CPU", "server RSS", ""];

/** A block for each cell, a line for each subject: medians over the rounds. CPU is seconds per million operations. */
export function resultLines(measurements: readonly Measurement[]): string[] {
  const cells = groups(measurements, cellText);
  return [...cells].flatMap(([cell, ofCell]) => {
    const subjects = groups(ofCell, ({ subject }) => subject);
    const rows = [...subjects].map(([subject, ofSubject]) => subjectRow(subject, ofSubject, subjects.get(baseline)));
    return [cell, ...aligned([heading, ...rows]), ""];
  });
}

function subjectRow(subject: string, rounds: readonly Measurement[], base: readonly Measurement[] | undefined): string[] {
  const of = (read: (measurement: Measurement) => number): number => median(rounds.map(read));
  const speeds = rounds.map(({ operationsPerSecond }) => operationsPerSecond);
  const ratios = rounds.flatMap(({ round, operationsPerSecond }) => {
    const other = base?.find((measurement) => measurement.round === round);
    return other === undefined ? [] : [operationsPerSecond / other.operationsPerSecond];
  });
  const resident = of(({ serverResidentBytes }) => serverResidentBytes);
  return [
    subject,
    perSecondText(of(({ operationsPerSecond }) => operationsPerSecond)),
    `${perSecondText(Math.min(...speeds))} .. ${perSecondText(Math.max(...speeds))}`,
    ratios.length === 0 ? "-" : median(ratios).toFixed(2),
    latencyText(of(({ p50Us }) => p50Us)),
    latencyText(of(({ p99Us }) => p99Us)),
    latencyText(of(({ p999Us }) => p999Us)),
    of((measurement) => measurement.clientCpuSecondsPerMillion).toFixed(2),
    of((measurement) => measurement.serverCpuSecondsPerMillion).toFixed(2),
    resident === 0 ? "-" : formatSizeBytes(resident),
    failureText(rounds),
  ];
}

function failureText(rounds: readonly Measurement[]): string {
  const sum = (read: (measurement: Measurement) => number): number => rounds.reduce((total, each) => total + read(each), 0);
  const [errors, wrong] = [sum((each) => each.errors), sum((each) => each.wrong)];
  return [errors > 0 ? `${errors} ERRORS` : "", wrong > 0 ? `${wrong} WRONG` : ""].filter((text) => text !== "").join(", ");
}

function groups<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const grouped = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = grouped.get(key);
    if (group === undefined) grouped.set(key, [item]);
    else group.push(item);
  }
  return grouped;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const pad = (text: string, i: number): string => (i === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[i] ?? 0));
  return rows.map((row) => `  ${row.map(pad).join("  ")}`.trimEnd());
}
