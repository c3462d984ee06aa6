/**
 * Tells without writing it whether JSON.stringify would write a value as it was read. HOT: a slice that is compared costs a
 * twentieth of `startsWith`, which goes character by character.
 */

/** Deeper values are not looked into. */
const depthMost = 32;
const notCompact = -1;

/**
 * Where the value ends in the text from which JSON.parse made it, if it begins at `start` and stands there as JSON.stringify would
 * write it; -1 if not: with blanks, needless escapes, numbers such as 1.0, members twice or in another order.
 */
export function compactEnd(text: string, start: number, value: unknown, depth = 0): number {
  if (typeof value === "string") return compactStringEnd(text, start, value);
  if (typeof value !== "object" || value === null) return literalEnd(text, start, String(value));
  if (depth === depthMost) return notCompact;
  return Array.isArray(value) ? compactArrayEnd(text, start, value, depth + 1) : compactObjectEnd(text, start, value, depth + 1);
}

/**
 * As `compactEnd`, for a string without escapes. An escape is longer than what it stands for, so there is none where
 * the string itself stands between the quotes.
 */
export function compactStringEnd(text: string, start: number, value: string): number {
  const end = start + 1 + value.length;
  return text[start] === '"' && text[end] === '"' && text.slice(start + 1, end) === value ? end + 1 : notCompact;
}

/** Where the literal ends, if it stands there: what follows is looked at by the caller. */
function literalEnd(text: string, start: number, literal: string): number {
  const end = start + literal.length;
  return text.slice(start, end) === literal ? end : notCompact;
}

function compactArrayEnd(text: string, start: number, members: readonly unknown[], depth: number): number {
  let at = start;
  if (members.length === 0) return literalEnd(text, at, "[]");
  for (let i = 0; i < members.length; i++) {
    if (text[at] !== (i === 0 ? "[" : ",")) return notCompact;
    at = compactEnd(text, at + 1, members[i], depth);
    if (at < 0) return notCompact;
  }
  return text[at] === "]" ? at + 1 : notCompact;
}

function compactObjectEnd(text: string, start: number, members: object, depth: number): number {
  let at = start;
  let opener = "{";
  for (const name in members) {
    if (text[at] !== opener) return notCompact;
    at = compactStringEnd(text, at + 1, name);
    if (at < 0 || text[at] !== ":") return notCompact;
    at = compactEnd(text, at + 1, (members as Record<string, unknown>)[name], depth);
    if (at < 0) return notCompact;
    opener = ",";
  }
  if (opener === "{") return literalEnd(text, at, "{}");
  return text[at] === "}" ? at + 1 : notCompact;
}
