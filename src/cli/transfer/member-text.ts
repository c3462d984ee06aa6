/** What JSON is made of, as far as it nests or hides what nests. */
const mark = /["{}[\]]/g;
/** Of a name; behind any other string at the top there is none. */
const colon = /\s*:\s*/y;
/** Characters of a name that may stand behind a backslash, but for those that JSON writes as \u. */
const needsEscape = /["\\/]/;
const numberEnd = /[^\s,}]*/y;

/**
 * Whether the number in the member `name` of an object stands as `text` in the JSON text, which was parsed before: JSON.parse keeps only
 * what a double can hold. Of several members with one name it is the last, as JSON.parse has it, unless the first says the same.
 */
export function isNumberWrittenAs(json: string, name: string, text: string): boolean {
  const quoted = `"${name}"`;
  const usual = `{${quoted}:${text}`;
  if (json.startsWith(usual) && (json[usual.length] === "," || json[usual.length] === "}")) return true;
  const at = json.indexOf(quoted);
  const isOnce = at >= 0 && json[at - 1] !== "\\" && !json.includes(quoted, at + 1);
  // Where no name can be spelled in another way, one that comes once is the member's.
  const isPlain = isOnce && !json.includes(needsEscape.test(name) ? "\\" : "\\u");
  return text === (isPlain ? numberBehind(json, at + quoted.length) : searched(json, name));
}

function searched(json: string, name: string): string | undefined {
  let found: string | undefined;
  let depth = 0;
  for (let at = nextMark(json, 0); at >= 0; at = nextMark(json, at)) {
    const character = json[at];
    if (character === '"') {
      const end = stringEnd(json, at);
      if (depth === 1) {
        const number = numberBehind(json, end);
        if (number !== undefined && JSON.parse(json.slice(at, end)) === name) found = number;
      }
      at = end;
      continue;
    }
    depth += character === "{" || character === "[" ? 1 : -1;
    at++;
  }
  return found;
}

/** The number behind a name that ends at `at`. */
function numberBehind(json: string, at: number): string | undefined {
  colon.lastIndex = at;
  if (!colon.test(json)) return undefined;
  const start = colon.lastIndex;
  numberEnd.lastIndex = start;
  numberEnd.test(json);
  return json.slice(start, numberEnd.lastIndex);
}

function nextMark(json: string, at: number): number {
  mark.lastIndex = at;
  return mark.test(json) ? mark.lastIndex - 1 : -1;
}

/** Behind the closing quote of the string that opens at `at`. */
function stringEnd(json: string, at: number): number {
  for (;;) {
    at = json.indexOf('"', at + 1);
    let backslashes = 0;
    while (json[at - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
}
