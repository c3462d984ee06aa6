/** Numbers for people; English grouping whatever the machine's locale, so that output is the same everywhere. */
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 117659 → "117,659". */
export function formatCount(count: number): string {
  return grouped.format(count);
}

/** 1, "round" → "1 round"; 2, "entry", "entries" → "2 entries". */
export function countText(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** 0.125 → "12.5%". */
export function formatShare(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

/** 12345 → "12.3 s"; 95000 → "1 min 35 s". */
export function formatDurationMs(durationMs: number): string {
  const seconds = durationMs / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

const byteUnits = ["B", "kB", "MB", "GB", "TB"];

/** How much was moved: 420 → "420 B"; 12345678 → "12.3 MB". */
export function formatBytes(bytes: number): string {
  let scaled = bytes;
  let unit = 0;
  // From 999.95 on it would be written as 1000.0.
  while (scaled >= (unit === 0 ? 999.5 : 999.95) && unit < byteUnits.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled.toFixed(unit === 0 ? 0 : 1)} ${byteUnits[unit]}`;
}

/** Bytes a second as "12.3 MB/s". */
export function formatBytesRate(bytes: number, elapsedMs: number): string {
  return `${formatBytes(bytes / Math.max(elapsedMs / 1000, 1e-9))}/s`;
}

/** Entries a second as "12,345". */
export function formatCountRate(count: number, elapsedMs: number): string {
  return formatCount(count / Math.max(elapsedMs / 1000, 1e-9));
}
