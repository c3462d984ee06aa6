import { countText, formatBytes, formatBytesRate, formatCountRate, formatDurationMs } from "../number-text.js";
import type { LoadSummary } from "./loader.js";

/** "117,659 entries imported · 24.0 MB in 3.1 s · 37,954/s · 7.7 MB/s · 2 bad rows passed over". */
export function summaryText(done: string, summary: LoadSummary): string {
  const { entries, bytes, badRows, elapsedMs } = summary;
  const parts = [
    `${countText(entries, "entry", "entries")} ${done}`,
    `${formatBytes(bytes)} in ${formatDurationMs(elapsedMs)}`,
    `${formatCountRate(entries, elapsedMs)}/s`,
    formatBytesRate(bytes, elapsedMs),
  ];
  if (badRows > 0) parts.push(`${countText(badRows, "bad row")} passed over`);
  return parts.join(" · ");
}
