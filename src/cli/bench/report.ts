import { formatSizeBytes } from "../../base/bytes.js";
import { countText, formatCount } from "../number-text.js";
import type { Comparison } from "./comparison.js";
import { benchKinds, formatMix } from "./mix.js";
import type { KindFigures, RunFigures } from "./recorder.js";
import type { BenchSettings } from "./settings.js";

/** The settings, in lines: a figure without them says nothing. */
export function settingsLines(settings: BenchSettings): string[] {
  const rows: [string, string][] = [
    ["endpoint", settings.endpoint],
    ["map", settings.map],
    ["records", `${formatCount(settings.records)}${settings.load ? ", loaded first" : ", expected to be there"}`],
    ["value", formatSizeBytes(settings.valueBytes)],
    ["mix", `${formatMix(settings.mix)}${settings.workload === undefined ? "" : ` (YCSB workload ${settings.workload})`}`],
    ["distribution", settings.distribution],
    [
      "road",
      settings.road === "both" ? `pipe and unary in turns, ${countText(settings.rounds, "round")}, each kind by itself` : settings.road,
    ],
    ["callers", `${formatCount(settings.callers)}, each awaits one operation at a time`],
    ["duration", `${settings.durationMs / 1000} s after ${settings.warmupMs / 1000} s of warm-up`],
    ["seed", String(settings.seed)],
  ];
  return rows.map(([name, text]) => `${name.padEnd(14)}${text}`);
}

/** The result of one run. */
export function runLines(figures: RunFigures): string[] {
  const total = `${formatCount(figures.operations)} in ${(figures.elapsedMs / 1000).toFixed(2)} s`;
  return [
    ...latencyTable(figures),
    "",
    `throughput    ${formatCount(figures.operationsPerSecond)} operations/s (${total})`,
    `client CPU    ${figures.clientCpuSeconds.toFixed(2)} s`,
    ...verdictLines([figures]),
  ];
}

export function comparisonLines(comparison: Comparison): string[] {
  const { baseline, rows } = comparison;
  const heading = ["operation", "road", "operations/s", `x ${baseline.road} ${baseline.kind}`, "p50", "p99"];
  const cells = rows.map((row) => {
    const kinds = row.rounds.map((figures) => figures.kinds[row.kind]).filter((kind) => kind !== undefined);
    const worst = (read: (kind: KindFigures) => number): string => latencyText(Math.max(0, ...kinds.map(read)));
    return [
      row.kind,
      row.road,
      formatCount(row.operationsPerSecond),
      row.ratio.toFixed(1),
      worst((kind) => kind.p50Us),
      worst((kind) => kind.p99Us),
    ];
  });
  return [...tableLines([heading, ...cells], 2), ...verdictLines(rows.flatMap((row) => row.rounds))];
}

/** Microseconds as "850 µs", "1.25 ms" or "2.10 s". */
export function latencyText(latencyUs: number): string {
  if (latencyUs < 1000) return `${latencyUs.toFixed(latencyUs < 100 ? 1 : 0)} µs`;
  return latencyUs < 1e6 ? `${(latencyUs / 1000).toFixed(2)} ms` : `${(latencyUs / 1e6).toFixed(2)} s`;
}

function latencyTable(figures: RunFigures): string[] {
  const heading = ["operation", "count", "mean", "p50", "p90", "p99", "p99.9", "max"];
  const rows = benchKinds.flatMap((name) => {
    const kind = figures.kinds[name];
    if (kind === undefined) return [];
    const latencies = [kind.meanUs, kind.p50Us, kind.p90Us, kind.p99Us, kind.p999Us, kind.maxUs];
    return [[name, formatCount(kind.operations), ...latencies.map(latencyText)]];
  });
  return tableLines([heading, ...rows], 1);
}

/** What went wrong, one line each; one line that says so where nothing did. */
function verdictLines(runs: readonly RunFigures[]): string[] {
  const errors = new Map<string, number>();
  for (const run of runs) {
    for (const [code, count] of Object.entries(run.errors)) errors.set(code, (errors.get(code) ?? 0) + count);
  }
  const sum = (read: (run: RunFigures) => number): number => runs.reduce((total, run) => total + read(run), 0);
  const failed = [...errors].map(([code, count]) => `${code} ${formatCount(count)}`).join(", ");
  return [
    `errors        ${failed === "" ? "none" : failed}`,
    `reads         ${formatCount(sum((run) => run.wrong))} wrong, ${formatCount(sum((run) => run.misses))} found nothing`,
  ];
}

/** The first `leftColumns` columns are text, the rest numbers. */
function tableLines(rows: readonly (readonly string[])[], leftColumns: number): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const cell = (text: string, i: number): string => (i < leftColumns ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0));
  return rows.map((row) => row.map(cell).join("  ").trimEnd());
}
