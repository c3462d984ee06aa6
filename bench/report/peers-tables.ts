import { distinct, groupBy, isSound, ratioOfMetric, select, spreadOfMetric, type MetricName } from "./cells.js";
import { formatBytes, formatCount, formatInteger, formatMicroseconds, formatRatio, threeDigits } from "./format.js";
import { markdownTable } from "./markdown.js";
import type { Measurement, Settings, SettingValue, SubjectName, SuiteResults } from "./results.js";
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
  const caption = `**${title}**: ${formatBytes(valueBytes)} values, ${distribution} keys, ${records} records, ${callers} callers. CPU is in seconds per million operations.`;
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

/** BigMap beside Redis in every mix, 1 KiB values; one row a mix and distribution. */
export function ycsbTable({ measurements }: SuiteResults): string {
  const cell = select(measurements, { valueBytes: 1024, callers: 256 }).filter(({ workload }) => workload.startsWith("ycsb-"));
  const groups = [...groupBy(cell, ({ workload, distribution }) => `${workload} ${distribution}`).entries()].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const rows = groups.flatMap(([, ofMix]) => ycsbRow(ofMix));
  if (rows.length === 0) return "";
  const titles = ["", "keys", " BigMap", " p99", " Redis always", " p99", " ratio", " every second"];
  const caption =
    "**YCSB**: 1 KiB values, 256 callers, operations a second. Ratios: BigMap to Redis that syncs always, and to Redis that syncs every second.";
  return `${caption}\n\n${markdownTable(titles, rows)}`;
}

function ycsbRow(ofMix: readonly Measurement[]): string[][] {
  const [ours, always, everySecond] = (["bigmap", "redis-always", "redis-everysec"] as const).map((subject) => select(ofMix, { subject }));
  const [first] = ofMix;
  const ratio = ratioOfMetric(ours ?? [], always ?? [], "operationsPerSecond");
  if (first === undefined || ours === undefined || always === undefined || ratio === undefined) return [];
  const toEverySecond = ratioOfMetric(ours, everySecond ?? [], "operationsPerSecond");
  const name = first.workload.replace("ycsb-", "").toUpperCase();
  return [
    [
      name,
      first.distribution,
      figureText(ours, "operationsPerSecond", formatCount),
      figureText(ours, "p99Us", formatMicroseconds),
      figureText(always, "operationsPerSecond", formatCount),
      figureText(always, "p99Us", formatMicroseconds),
      formatRatio(ratio.median),
      toEverySecond === undefined ? "–" : formatRatio(toEverySecond.median),
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

/** Versions, settings of the run, and every subject with its settings, or why it was left out. */
export function subjectList({ about, settings, subjects }: SuiteResults): string {
  const versions = Object.entries(about.versions).map(([name, version]) => `${name} ${version}`);
  const driver =
    about.driverMicroseconds === undefined ? [] : [`- Driver: ${threeDigits(about.driverMicroseconds)} µs of CPU an operation`];
  const known = subjectOrder.flatMap((subject) => {
    const record = subjects[subject];
    if (record === undefined) return [];
    if ("leftOut" in record) return [`- ${subjectLabel(subject)}: left out, ${record.leftOut}`];
    return [`- ${subjectLabel(subject)}: ${record.description}${settingsText(record.settings, "; ")}`];
  });
  const disk = about.machine.disk === "" ? [] : [`- Disk: ${about.machine.disk}`];
  const run = settingsText(settings, "");
  return [`- Versions: ${versions.join(", ")}`, ...disk, ...driver, ...(run === "" ? [] : [`- The run: ${run}`]), ...known].join("\n");
}

function settingsText(settings: Settings, before: string): string {
  const texts = Object.entries(settings).map(([name, value]) => `\`${name}=${valueText(value)}\``);
  return texts.length === 0 ? "" : `${before}${texts.join(", ")}`;
}

function valueText(value: SettingValue): string {
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}
