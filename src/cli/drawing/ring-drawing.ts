import { formatSizeBytes } from "../../base/bytes.js";
import { limits } from "../../base/limits.js";
import { tokenSpaceEnd } from "../../ring/hash-range.js";
import { formatToken, type Token } from "../../ring/token.js";
import type { CanisterStatus } from "../../ring/topology.js";
import { countText, formatCount, formatShare } from "../number-text.js";
import { bar, column } from "./bar.js";
import { plainPaint, type Paint } from "./paint.js";
import { fillOf, inRingOrder, ringRows, type RingRow } from "./ring-rows.js";

/** What is drawn. */
export interface RingView {
  readonly map: string;
  readonly ringVersion: number;
  /** All canisters of the map, in any order. */
  readonly canisters: readonly CanisterStatus[];
}

export interface DrawingOptions {
  /** Columns of the terminal; a line is never longer, except where not even the narrowest table fits (40 columns). */
  readonly width: number;
  /** Past it neighbours share a row. */
  readonly maxRows: number;
  readonly paint?: Paint;
}

/** One column of the table: its heading and what it shows of a row. All cells of a column get the same width. */
interface TableColumn {
  readonly heading: string;
  readonly alignRight: boolean;
  readonly text: (row: RingRow) => string;
}

const gap = "  ";
const barMinColumns = 8;
const barMaxColumns = 30;

/** Draws a ring: a headline, the ring as one line, and a table with one row for each hash range. */
export function drawRing(view: RingView, options: DrawingOptions): string[] {
  const paint = options.paint ?? plainPaint;
  const canisters = inRingOrder(view.canisters);
  if (canisters.length === 0) return [paint.bold(view.map) + " has no canisters"];
  const rows = ringRows(canisters, options.maxRows);
  return [
    ...headline(view, canisters, options.width, paint),
    ...picture(canisters, options.width, paint),
    ...table(rows, options.width, paint),
  ];
}

function headline(view: RingView, canisters: readonly CanisterStatus[], width: number, paint: Paint): string[] {
  const entries = canisters.reduce((total, canister) => total + canister.entries, 0);
  const bytes = canisters.reduce((total, canister) => total + canister.bytes, 0);
  const caps = [...new Set(canisters.map((canister) => canister.capBytes))].map(formatSizeBytes).join(", ");
  const parts = [
    `${countText(canisters.length, "canister")} of ${caps}`,
    countText(entries, "entry", "entries"),
    formatSizeBytes(bytes),
    `ring version ${view.ringVersion}`,
  ];
  const line = `${view.map}: ${parts.join(" · ")}`;
  return line.length <= width
    ? [paint.bold(view.map) + line.slice(view.map.length)]
    : [paint.bold(view.map), ...parts.map((part) => `  ${part}`)];
}

/** The whole token space from left to right; a column's height is the fill of the canister that owns its middle. */
function picture(canisters: readonly CanisterStatus[], width: number, paint: Paint): string[] {
  const columns = Math.max(8, Math.min(width, 100) - 2);
  let place = 0;
  let line = "";
  for (let i = 0; i < columns; i++) {
    const middle = ((i + 0.5) / columns) * 2 ** 32;
    while (place + 1 < canisters.length && (canisters[place + 1]?.range.start.high ?? Infinity) <= middle) place++;
    const canister = canisters[place] as CanisterStatus;
    line += paintFill(fillOf(canister), paint)(column(fillOf(canister)));
  }
  return [`${paint.dim("[")}${line}${paint.dim(")")}`];
}

function table(rows: readonly RingRow[], width: number, paint: Paint): string[] {
  const columns = columnsFor(width, rows);
  const widths = columns.map((each) => Math.max(each.heading.length, ...rows.map((row) => each.text(row).length)));
  const used = widths.reduce((total, each) => total + each + gap.length, 0);
  const barColumns = Math.min(barMaxColumns, Math.max(barMinColumns, width - used));
  const cells = (texts: readonly string[]): string =>
    texts.map((text, i) => (columns[i]?.alignRight === true ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0))).join(gap);
  const heading = cells(columns.map((each) => each.heading)) + gap + "fill";
  return [
    paint.dim(heading),
    ...rows.map((row) => cells(columns.map((each) => each.text(row))) + gap + paintFill(row.fill, paint)(bar(row.fill, barColumns))),
  ];
}

/** Every column where there is room; on a narrow terminal the least telling go first. */
function columnsFor(width: number, rows: readonly RingRow[]): TableColumn[] {
  const grouped = rows.some((row) => row.canisters.length > 1);
  const all: (TableColumn & { readonly dropOrder: number })[] = [
    { heading: "hash range", alignRight: false, text: rangeText, dropOrder: 3 },
    { heading: grouped ? "canisters" : "canister", alignRight: true, text: canisterText, dropOrder: 9 },
    { heading: "state", alignRight: false, text: stateText, dropOrder: 4 },
    { heading: "share", alignRight: true, text: (row) => formatShare(row.share), dropOrder: 1 },
    { heading: "entries", alignRight: true, text: (row) => formatCount(row.entries), dropOrder: 2 },
    { heading: "bytes", alignRight: true, text: (row) => formatSizeBytes(row.bytes), dropOrder: 5 },
    { heading: grouped ? "max" : "full", alignRight: true, text: (row) => formatShare(row.fill), dropOrder: 8 },
  ];
  const columnWidth = (each: TableColumn): number =>
    Math.max(each.heading.length, ...rows.map((row) => each.text(row).length)) + gap.length;
  const left = [...all];
  const tooWide = (): boolean => left.reduce((total, each) => total + columnWidth(each), 0) + barMinColumns > width;
  for (const dropped of [...all].sort((a, b) => a.dropOrder - b.dropOrder)) {
    if (!tooWide() || left.length <= 2) break;
    left.splice(left.indexOf(dropped), 1);
  }
  return left;
}

function rangeText(row: RingRow): string {
  return `${formatToken(row.range.start)}..${lastTokenText(row.range.end)}`;
}

/** The last token inside a range that ends before `end`. */
function lastTokenText(end: Token): string {
  if (end.high === tokenSpaceEnd.high) return "ffffffffffffffff";
  return formatToken(end.low === 0 ? { high: end.high - 1, low: 0xffffffff } : { high: end.high, low: end.low - 1 });
}

function canisterText(row: RingRow): string {
  return row.canisters.length === 1 ? `#${row.canisters[0]?.canisterId ?? ""}` : `${row.canisters.length}`;
}

function stateText(row: RingRow): string {
  const marks = row.canisters.some((canister) => canister.unsplittable) ? ", unsplittable" : "";
  return [...new Set(row.canisters.map((canister) => canister.state))].join("+") + marks;
}

/** Red where writes are about to be refused, yellow where a split is due. */
function paintFill(fill: number, paint: Paint): (text: string) => string {
  if (fill >= 0.95) return paint.red;
  return fill >= limits.softCapRatio ? paint.yellow : paint.green;
}
