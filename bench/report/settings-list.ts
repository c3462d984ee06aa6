import { threeDigits } from "./format.js";
import type { Settings, SettingValue, SuiteResults } from "./results.js";
import { subjectLabel, subjectOrder } from "./subjects.js";

/** Versions, settings of the run, and every subject with its settings, or why it was left out: a list of Markdown. */
export function settingsList({ about, settings, subjects }: SuiteResults): string {
  const versions = Object.entries(about.versions).map(([name, version]) => `${name} ${version}`);
  const driver =
    about.driverMicroseconds === undefined ? [] : [`- Driver: ${threeDigits(about.driverMicroseconds)} µs of CPU an operation`];
  const disk = about.machine.disk === "" ? [] : [`- Disk: ${about.machine.disk}`];
  const known = subjectOrder.flatMap((subject) => {
    const record = subjects[subject];
    if (record === undefined) return [];
    if ("leftOut" in record) return [`- ${subjectLabel(subject)}: left out, ${record.leftOut}`];
    return [`- ${subjectLabel(subject)}: ${record.description}.`, ...settingsLines("Set:", record.settings, "  ")];
  });
  return [`- Versions: ${versions.join(", ")}`, ...disk, ...driver, ...settingsLines("The run:", settings), ...known].join("\n");
}

/** A line for the plain values, below it one for each value that has parts, and so on inside it. */
function settingsLines(title: string, settings: Settings, indent = ""): string[] {
  const entries = Object.entries(settings).map(([name, value]) => ({ name, value, parts: partsOf(value) }));
  const plain = entries.filter(({ parts }) => parts === undefined).map(({ name, value }) => `\`${name}\` ${valueText(value)}`);
  const line = `${indent}- ${[title, plain.join("; ")].filter((text) => text !== "").join(" ")}`;
  const nested = entries.flatMap(({ name, parts }) => (parts === undefined ? [] : settingsLines(`\`${name}\`:`, parts, `${indent}  `)));
  return [line, ...nested];
}

/** Undefined for what is written in one piece: no objects, and lists of plain values. */
function partsOf(value: SettingValue): Settings | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!isList(value)) return value;
  return value.some((item) => typeof item === "object") ? Object.fromEntries(value.map((item, i) => [`${i + 1}`, item])) : undefined;
}

// Array.isArray does not tell lists that cannot be changed from objects.
function isList(value: SettingValue & object): value is readonly SettingValue[] {
  return Array.isArray(value);
}

function valueText(value: SettingValue): string {
  if (value === "") return "empty";
  if (typeof value !== "object") return String(value);
  return value !== null && isList(value) ? value.map(valueText).join(", ") : JSON.stringify(value);
}
