import { distinct, groupBy, isSound, ratioOfMetric, select, spreadOfMetric, type MetricName } from "./cells.js";
import { formatBytes, formatCount, formatInteger, formatMicroseconds, formatRatio, threeDigits } from "./format.js";
import { markdownTable } from "./markdown.js";
import type { Measurement, SubjectName, SuiteResults, WorkloadName } from "./results.js";
import { subjectLabel, subjectOrder } from "./subjects.js";
import { spreadText } from "./verdict-text.js";

/** Which load a table shows: of the distributions the first that was measured. */
export interface LoadOfTable {
  readonly title: string;
  readonly workload: "get" | "put";
  readonly valueBytes: number;
  readonly callers: number;
  readonly distributions: readonly string[];
}

/** One row a subject under one load; empty where nothing was measured under it. */
export function loadTable({ measurements }: SuiteResults, load: LoadOfTable): string {
  const { title, workload, valueBytes, callers } = load;
  const ofLoad = select(measurements, { workload, valueBytes, callers });
  const distribution = load.distributions.find((name) => ofLoad.some((one) => one.distribution === name));
  if (distribution === undefined) return "";
  const cell = select(ofLoad, { distribution });
  const ours = select(cell, { subject: "bigmap" });
  const rows = subjectOrder.flatMap((subject) => {
    const theirs = select(cell, { subject });
    return theirs.some(isSound) ? [loadRow(subject, theirs, ours)] : [];
  });
  const records = distinct(cell.map((one) => formatInteger(one.records))).join(" or ");
  const words = `${formatBytes(valueBytes)} values, ${distribution} keys, ${records} records, ${callers} callers`;
  const caption = `**${title}**: ${words}. CPU is in seconds per million operations.`;
  const titles = ["", " operations a second", " p50", " p99", " client CPU", " server CPU", " server memory", " BigMap against it"];
  return `${caption}\n\n${markdownTable(titles, rows)}`;
}

function loadRow(subject: SubjectName, theirs: readonly Measurement[], ours: readonly Measurement[]): string[] {
  const ratio = subject === "bigmap" ? undefined : ratioOfMetric(ours, theirs, "operationsPerSecond");
  const figure = (metric: MetricName, format: (value: number) => string): string => figureText(theirs, metric, format);
  return [
    subjectLabel(subject),
    throughputText(theirs),
    figure("p50Us", formatMicroseconds),
    figure("p99Us", formatMicroseconds),
    figure("clientCpuSecondsPerMillion", threeDigits),
    figure("serverCpuSecondsPerMillion", threeDigits),
    figure("serverResidentBytes", formatBytes),
    ratio === undefined ? "–" : formatRatio(ratio.median),
  ];
}

// What has no server of its own has no figure for one.
function figureText(measurements: readonly Measurement[], metric: MetricName, format: (value: number) => string): string {
  const spread = spreadOfMetric(measurements, metric);
  return spread === undefined || spread.median === 0 ? "–" : format(spread.median);
}

function throughputText(measurements: readonly Measurement[]): string {
  const spread = spreadOfMetric(measurements, "operationsPerSecond");
  if (spread === undefined) return "–";
  const extremes = spreadText(spread, formatCount);
  return extremes === "" ? formatCount(spread.median) : `${formatCount(spread.median)} (${extremes})`;
}

/** BigMap beside Redis under every load that has no table of its own; one row a load. Empty where there is none. */
export function otherLoadsTable({ measurements }: SuiteResults): string {
  const others = measurements.filter(({ workload, vary }) => workload !== "get" && workload !== "put" && vary === undefined);
  const loads = [
    ...groupBy(others, ({ workload, distribution, valueBytes, callers }) => [workload, distribution, valueBytes, callers].join()).values(),
  ];
  loads.sort(([a], [b]) =>
    a === undefined || b === undefined ? 0 : rankOf(a) - rankOf(b) || b.valueBytes - a.valueBytes || a.callers - b.callers,
  );
  const rows = loads.flatMap((ofLoad) => otherLoadRow(ofLoad));
  if (rows.length === 0) return "";
  const titles = ["", " values", "keys", " callers", " BigMap", " p99", " Redis always", " p99", " ratio", " every second"];
  const caption =
    "**Other loads**: entries a second; latencies are those of whole calls. " +
    "Ratios: BigMap to Redis that syncs always, and to Redis that syncs every second.";
  return `${caption}\n\n${markdownTable(titles, rows)}`;
}

const otherLoadNames: Readonly<Partial<Record<WorkloadName, string>>> = {
  "ycsb-a": "YCSB A",
  "ycsb-b": "YCSB B",
  "ycsb-c": "YCSB C",
  "ycsb-d": "YCSB D",
  "ycsb-f": "YCSB F",
  delete: "delete",
  "batch-get-100": "get, batches of 100",
  "batch-put-100": "durable put, batches of 100",
  scan: "scan",
  load: "load phase",
};

function rankOf({ workload }: Measurement): number {
  return Object.keys(otherLoadNames).indexOf(workload);
}

function otherLoadRow(ofLoad: readonly Measurement[]): string[][] {
  const [ours = [], always = [], everySecond = []] = (["bigmap", "redis-always", "redis-everysec"] as const).map((subject) =>
    select(ofLoad, { subject }),
  );
  const [first] = ours;
  if (first === undefined) return [];
  const against = (theirs: readonly Measurement[]): string => {
    const ratio = ratioOfMetric(ours, theirs, "operationsPerSecond");
    return ratio === undefined ? "–" : formatRatio(ratio.median);
  };
  return [
    [
      otherLoadNames[first.workload] ?? first.workload,
      formatBytes(first.valueBytes),
      first.distribution === "none" ? "–" : first.distribution,
      formatInteger(first.callers),
      figureText(ours, "operationsPerSecond", formatCount),
      figureText(ours, "p99Us", formatMicroseconds),
      figureText(always, "operationsPerSecond", formatCount),
      figureText(always, "p99Us", formatMicroseconds),
      against(always),
      against(everySecond),
    ],
  ];
}

/** Names the rounds that are left out of every figure because answers failed or were wrong; empty where there are none. */
export function notCounted({ measurements }: { readonly measurements: readonly Measurement[] }): string {
  const unsound = measurements.filter((one) => !isSound(one));
  const nameOf = ({ subject, workload, distribution, valueBytes, callers }: Measurement): string =>
    `${subjectLabel(subject)}: ${workload}, ${distribution}, ${formatBytes(valueBytes)}, ${formatInteger(callers)} callers`;
  const names = [...groupBy(unsound, nameOf)].map(([name, rounds]) => {
    const sum = (field: "errors" | "wrong"): string => formatInteger(rounds.reduce((total, one) => total + one[field], 0));
    return `${name} (${rounds.length} rounds, ${sum("errors")} errors, ${sum("wrong")} wrong answers)`;
  });
  return names.length === 0 ? "" : `Not counted, because answers failed or were wrong: ${names.join("; ")}.`;
}
