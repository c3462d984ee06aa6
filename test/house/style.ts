/** A rule of style that a machine can check, on one line or on the whole file. */
interface StyleRule {
  readonly reason: string;
  readonly appliesTo: (path: string) => boolean;
  readonly breaks: (line: string) => boolean;
}

const isSource = (path: string): boolean => path.startsWith("src/");
const everywhere = (): boolean => true;
const isCode = (path: string): boolean => /\.(ts|mjs|js|proto)$/.test(path);

// Put together from parts, so that this file does not break its own rule.
const machineFolders = ["work", "tmp", "root", "home/[a-z]+", "Users/[A-Za-z]+"].join("|");
const machinePath = new RegExp(`(^|[\\s"'\`(=])/(${machineFolders})/[A-Za-z0-9_.-]`);
const leftover = new RegExp(`\\b(${["TO", "FIX", "X"].map((part, i) => part + (["DO", "ME", "XX"][i] ?? "")).join("|")})\\b`);

export const lineRules: readonly StyleRule[] = [
  { reason: "is longer than 140 columns", appliesTo: isCode, breaks: (line) => line.length > 140 },
  { reason: "names a path of one machine", appliesTo: everywhere, breaks: (line) => machinePath.test(line) },
  { reason: "leaves work behind in a comment", appliesTo: isCode, breaks: (line) => leftover.test(line) },
  { reason: "throws a bare error", appliesTo: isSource, breaks: (line) => /\bnew (Error|TypeError|RangeError)\(/.test(line) },
  { reason: "has a default export", appliesTo: isSource, breaks: (line) => /^export default\b/.test(line) },
  { reason: "has trailing space", appliesTo: isCode, breaks: (line) => /[ \t]$/.test(line) },
];

const vagueNames = new Set(["utils", "util", "helpers", "helper", "common", "misc"]);
const maxSourceLines = 350;

/** What is wrong with the style of one file; empty where nothing is. */
export function styleViolationsOf(path: string, text: string): string[] {
  const lines = text.split("\n");
  return [...nameViolations(path), ...lengthViolations(path, lines), ...lineViolations(path, lines)];
}

function nameViolations(path: string): string[] {
  if (!isCode(path) || !/^(src|test|bench)\//.test(path)) return [];
  const parts = path.split("/").map((part) => part.replace(/(\.test)?\.(ts|mjs|js|proto)$/, ""));
  const notKebab = parts.filter((part) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(part)).map((part) => `${path}: "${part}" is not kebab-case`);
  const vague = parts.filter((part) => vagueNames.has(part)).map((part) => `${path}: "${part}" names no noun`);
  return [...notKebab, ...vague];
}

function lengthViolations(path: string, lines: readonly string[]): string[] {
  const tooLong = isSource(path) && path.endsWith(".ts") && lines.length - 1 > maxSourceLines;
  return tooLong ? [`${path}: has ${lines.length - 1} lines, more than ${maxSourceLines}`] : [];
}

function lineViolations(path: string, lines: readonly string[]): string[] {
  const rules = lineRules.filter((rule) => rule.appliesTo(path));
  return lines.flatMap((line, i) => rules.filter((rule) => rule.breaks(line)).map((rule) => `${path}:${i + 1} ${rule.reason}`));
}
