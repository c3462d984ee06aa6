const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const heights = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/**
 * A horizontal bar of exactly `width` columns, to an eighth of a column: `ratio` of it full. What is there at all shows
 * at least an eighth; only a full bar looks full.
 */
export function bar(ratio: number, width: number): string {
  const all = width * 8;
  const clamped = Math.min(Math.max(ratio, 0), 1);
  const rounded = Math.round(clamped * all);
  const filled = clamped >= 1 ? all : Math.min(Math.max(rounded, clamped > 0 ? 1 : 0), all - 1);
  const text = "█".repeat(Math.floor(filled / 8)) + (eighths[filled % 8] ?? "");
  return text + "·".repeat(width - text.length);
}

/** One column of a picture: a block whose height is `ratio`. What is there at all shows at least the lowest block. */
export function column(ratio: number): string {
  const clamped = Math.min(Math.max(ratio, 0), 1);
  const height = Math.max(Math.round(clamped * 8), clamped > 0 ? 1 : 0);
  return heights[height] ?? "█";
}
