/** A table of Markdown; columns whose title begins with a blank are aligned to the right. */
export function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const border = titles.map((title) => (title.startsWith(" ") ? "--:" : "---"));
  const heads = titles.map((title) => title.trim());
  return [heads, border, ...rows].map((cells) => `| ${cells.map(escaped).join(" | ")} |`).join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** What stands between two marked lines, both of which stay; throws where they are not there in this order. */
export function replaceBetween(text: string, markers: { readonly begin: string; readonly end: string }, section: string): string {
  const begin = text.indexOf(markers.begin);
  const end = text.indexOf(markers.end);
  if (begin < 0 || end < begin) throw new RangeError(`The text has no "${markers.begin}" before "${markers.end}"`);
  return `${text.slice(0, begin)}${markers.begin}\n${section}\n${text.slice(end)}`;
}
