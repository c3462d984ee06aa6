import { StringDecoder } from "node:string_decoder";
import type { Readable } from "node:stream";
import { BigMapError } from "../../base/errors.js";
import { limits } from "../../base/limits.js";
import { entryOfRow, rowOfEntry, type Entry, type Row, type RowMapping } from "./row.js";
import type { ReadRow } from "./row-stream.js";

/** A longer line cannot be an entry: JSON writes a byte with at most 6 characters, and both limits are in bytes. */
const lineMaxChars = 8 * (limits.keyMaxBytes + limits.valueMaxBytes);

/** Rows of newline-delimited JSON; empty lines are passed over. Errors: INVALID_ARGUMENT where a line has no end. */
export async function* readNdjson(input: Readable, mapping: RowMapping): AsyncIterable<ReadRow> {
  let lineNumber = 0;
  for await (const line of lines(input)) {
    lineNumber++;
    const text = (lineNumber === 1 ? line.replace(/^\uFEFF/, "") : line).trim();
    if (text !== "") yield readLine(text, lineNumber, mapping);
  }
}

/** The line for an entry, with its newline. */
export function ndjsonLine(entry: Entry): string {
  return `${JSON.stringify(rowOfEntry(entry, true))}\n`;
}

function readLine(text: string, lineNumber: number, mapping: RowMapping): ReadRow {
  try {
    return { lineNumber, entry: entryOfRow(parseObject(text), text, mapping), error: undefined };
  } catch (error) {
    return { lineNumber, entry: undefined, error: BigMapError.from(error) };
  }
}

function parseObject(text: string): Row {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (error) {
    throw new BigMapError("INVALID_ARGUMENT", `The line is not JSON: ${(error as Error).message}`, {
      cause: error,
      hint: "Write one JSON object a line, or name the format with --format.",
    });
  }
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw new BigMapError("INVALID_ARGUMENT", "The line is not a JSON object", { hint: 'Write one object a line: {"key": "...", ...}.' });
  }
  return row as Row;
}

async function* lines(input: Readable): AsyncIterable<string> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of input as AsyncIterable<Buffer | string>) {
    const parts = (rest + (typeof chunk === "string" ? chunk : decoder.write(chunk))).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
    if (rest.length > lineMaxChars) {
      throw new BigMapError("INVALID_ARGUMENT", `A line has more than ${lineMaxChars} characters`, {
        hint: "The input is not newline-delimited JSON; name its format with --format.",
      });
    }
  }
  rest += decoder.end();
  if (rest !== "") yield rest;
}
