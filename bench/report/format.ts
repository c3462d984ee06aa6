/** Numbers as people read them: three digits where a digit matters. */

/** `1.06 M`, `312 k`, `8.4 k`, `950`. */
export function formatCount(value: number): string {
  if (value >= 999_500) return `${threeDigits(value / 1e6)} M`;
  if (value >= 999.5) return `${threeDigits(value / 1e3)} k`;
  return threeDigits(value);
}

/** From microseconds: `85 µs`, `1.2 ms`, `3.1 s`. */
export function formatMicroseconds(value: number): string {
  if (value >= 999_500) return `${threeDigits(value / 1e6)} s`;
  if (value >= 999.5) return `${threeDigits(value / 1e3)} ms`;
  return `${threeDigits(value)} µs`;
}

/** `2.31 ×`. */
export function formatRatio(value: number): string {
  return `${threeDigits(value)} ×`;
}

/** From a share of one: `62 %`. */
export function formatShare(value: number): string {
  return `${threeDigits(value * 100)} %`;
}

/** `512 B`, `1.5 MiB`, `23.5 GiB`. */
export function formatBytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let scaled = value;
  for (; scaled >= 1023.5 && unit < units.length - 1; unit++) scaled /= 1024;
  return `${threeDigits(scaled)} ${units[unit] ?? ""}`;
}

/** `4,096`. */
export function formatInteger(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** At most two decimals, and no more than three digits that say something; no decimals that are all zero. */
export function threeDigits(value: number): string {
  const size = Math.abs(value);
  const decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.0995 || size === 0 ? 2 : 3;
  const text = value.toFixed(decimals);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
