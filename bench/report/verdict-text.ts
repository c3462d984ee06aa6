import { formatBytes, formatMicroseconds, formatRatio, formatShare, threeDigits } from "./format.js";
import type { Spread } from "./statistics.js";
import type { Threshold, Unit } from "./targets.js";
import type { Finding, Verdict } from "./verdicts.js";

const formats: Readonly<Record<Unit, (value: number) => string>> = {
  ratio: formatRatio,
  share: formatShare,
  us: formatMicroseconds,
  ns: (value) => `${threeDigits(value)} ns`,
  bytes: formatBytes,
  megabytesPerSecond: (value) => `${threeDigits(value)} MB/s`,
};

/** `≥ 80 MB/s, or ≥ 70 % of parsing alone`. */
export function thresholdsText({ findings }: Verdict): string {
  return findings.map(({ threshold, note }) => `${thresholdText(threshold)}${note === "" ? "" : ` ${note}`}`).join(", or ");
}

function thresholdText({ bound, value, unit }: Threshold): string {
  return `${bound === "atLeast" ? "≥" : "≤"} ${formats[unit](value)}`;
}

/** `2.31 × (2.25 … 2.4 ×)`: the median and, of more than one round, the extremes; `–` for what was not measured. */
export function figuresText({ findings }: Verdict): string {
  const measured = findings.filter(({ figure }) => figure !== undefined);
  return measured.length === 0 ? "–" : measured.map(figureText).join("; ");
}

function figureText({ figure, threshold, cell, note }: Finding): string {
  if (figure === undefined) return "–";
  const remarks = [spreadText(figure, formats[threshold.unit]), cell].filter((remark) => remark !== "");
  const words = [
    formats[threshold.unit](figure.median),
    ...(note === "" ? [] : [note]),
    ...(remarks.length === 0 ? [] : [`(${remarks.join("; ")})`]),
  ];
  return words.join(" ");
}

/** `2.25 … 2.4 ×`; empty where there was one round. */
export function spreadText({ min, max, rounds }: Spread, format: (value: number) => string): string {
  if (rounds === 1) return "";
  const [low, high] = [format(min), format(max)];
  const unit = high.slice(high.lastIndexOf(" "));
  return `${low.endsWith(unit) ? low.slice(0, -unit.length) : low} … ${high}`;
}
