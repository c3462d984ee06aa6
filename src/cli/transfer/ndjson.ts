/** Newline-delimited JSON, one row a line. HOT: `RowParser`. */
import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { formatSizeBytes } from "../../base/bytes.js";
import { BigMapError } from "../../base/errors.js";
import { limits } from "../../base/limits.js";
import { lineBlocks, overlongLine } from "./line-blocks.js";
import { notUtf8, rowMaxBytes } from "./row-errors.js";
import { entryOfRow, rowOfEntry, type Entry, type Row, type RowMapping } from "./row.js";
import { RowColumns } from "./row-columns.js";
import { RowScanner } from "./row-scanner.js";
import type { ReadRow } from "./row-stream.js";

const newline = 0x0a;

/** Rows of newline-delimited JSON; empty lines are passed over, and a line that is too long is one bad row. */
export async function* readNdjson(input: Readable, mapping: RowMapping): AsyncIterable<RowColumns> {
  const parser = new RowParser(mapping);
  for await (const block of lineBlocks(input, rowMaxBytes)) {
    const rows = block === overlongLine ? parser.rowOfOverlongLine() : parser.rowsOf(block);
    if (rows.count > 0) yield rows;
  }
}

/** The line for an entry, with its newline. */
export function ndjsonLine(entry: Entry): string {
  return `${JSON.stringify(rowOfEntry(entry, true))}\n`;
}

class RowParser {
  readonly #mapping: RowMapping;
  #lineNumber = 0;

  constructor(mapping: RowMapping) {
    this.#mapping = mapping;
  }

  /** The rows of whole lines. */
  rowsOf(block: Buffer): RowColumns {
    const rows = new RowColumns(block);
    const scanner = new RowScanner(block, this.#mapping);
    // Bad bytes do not reach beyond a newline: line by line the answer is the same.
    const isGood = isUtf8(block);
    for (let start = 0; start < block.length;) {
      const found = block.indexOf(newline, start);
      const end = found < 0 ? block.length : found;
      this.#lineNumber++;
      if (end - start > rowMaxBytes) {
        rows.addObject({ lineNumber: this.#lineNumber, entry: undefined, error: overlong() });
      } else if (isGood || isUtf8(block.subarray(start, end))) this.#addRow(rows, block, start, end, scanner);
      else rows.addObject({ lineNumber: this.#lineNumber, entry: undefined, error: notUtf8("The line") });
      start = end + 1;
    }
    return rows;
  }

  rowOfOverlongLine(): RowColumns {
    return RowColumns.of([{ lineNumber: ++this.#lineNumber, entry: undefined, error: overlong() }]);
  }

  #addRow(rows: RowColumns, block: Buffer, lineStart: number, lineEnd: number, scanner: RowScanner): void {
    let start = lineStart;
    let end = lineEnd;
    while (start < end && isBlank(block[start] as number)) start++;
    while (start < end && isBlank(block[end - 1] as number)) end--;
    if (scanner.find(start, end)) {
      rows.addSlices(this.#lineNumber, scanner.keyStart, scanner.keyEnd, scanner.valueStart, scanner.valueEnd);
      return;
    }
    // Trimmed again: there are blanks that are not ASCII, and the byte order mark.
    const text = block.toString("utf8", start, end).trim();
    if (text !== "") rows.addObject(readRow(text, this.#lineNumber, this.#mapping));
  }
}

function overlong(): BigMapError {
  const [row, key, value] = [rowMaxBytes, limits.keyMaxBytes, limits.valueMaxBytes].map((sizeBytes) => formatSizeBytes(sizeBytes));
  return new BigMapError("INVALID_ARGUMENT", `The line has more than ${row}: too long for a key of ${key} and a value of ${value}`, {
    hint: "If the file has no JSON object on each line, name its format with --format; pass over such rows with --skip-bad.",
  });
}

function readRow(text: string, lineNumber: number, mapping: RowMapping): ReadRow {
  try {
    return { lineNumber, entry: entryOfRow(parseObject(text), text, mapping), error: undefined };
  } catch (error) {
    return { lineNumber, entry: undefined, error: BigMapError.from(error) };
  }
}

/** What String.trim takes away, as far as it is ASCII. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
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
