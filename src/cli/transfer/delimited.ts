import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { BigMapError } from "../../base/errors.js";
import { countText } from "../number-text.js";
import { RecordScanner } from "./record-scanner.js";
import { entryFields, entryOfRow, rowOfEntry, type Entry, type RowMapping } from "./row.js";
import { RowColumns } from "./row-columns.js";
import { atLine, notUtf8 } from "./row-errors.js";
import type { ReadRow, RowReader } from "./row-stream.js";
import { withoutMark } from "./text-encoding.js";

/** The first line of an export: the names of the columns. */
export function delimitedHeader(delimiter: string): string {
  return `${[entryFields.key, entryFields.value, entryFields.encoding].join(delimiter)}\n`;
}

/** The line for an entry, quoted as RFC 4180 says, with its newline. */
export function delimitedLine(entry: Entry, delimiter: string): string {
  const row = rowOfEntry(entry, false);
  return `${[row.key, String(row.value), row.encoding ?? ""].map((cell) => quoted(cell, delimiter)).join(delimiter)}\n`;
}

/**
 * Rows of CSV (`,`) or TSV (tab) with a header line. A row that does not fit the header, is not UTF-8, or has a quote where none may
 * be is an error of that row. Errors: INVALID_ARGUMENT where the header is such a row.
 */
export function delimitedReader(delimiter: string): RowReader {
  return async function* readDelimited(input: Readable, mapping: RowMapping): AsyncIterable<RowColumns> {
    const parser = new RecordParser(delimiter, mapping);
    let begun = Buffer.alloc(0);
    let more: Buffer[] = [];
    let moreBytes = 0;
    for await (const chunk of withoutMark(input)) {
      more.push(chunk);
      moreBytes += chunk.length;
      // A record without an end yet is looked at from its begin: once for each time that it doubles.
      if (moreBytes < begun.length) continue;
      const block = begun.length === 0 && more.length === 1 ? chunk : Buffer.concat([begun, ...more]);
      more = [];
      moreBytes = 0;
      yield parser.rowsOf(block, false);
      begun = Buffer.from(block.subarray(parser.end));
    }
    yield parser.rowsOf(Buffer.concat([begun, ...more]), true);
  };
}

class RecordParser {
  /** How much of the last block was read; what is behind it is the begin of a record. */
  end = 0;
  readonly #scanner: RecordScanner;
  readonly #mapping: RowMapping;
  #header: readonly string[] | undefined;

  constructor(delimiter: string, mapping: RowMapping) {
    this.#scanner = new RecordScanner(delimiter);
    this.#mapping = mapping;
  }

  /** `isEnd`: nothing follows the block. */
  rowsOf(block: Buffer, isEnd: boolean): RowColumns {
    const scanner = this.#scanner;
    const rows: ReadRow[] = [];
    const isGood = isUtf8(block);
    let at = 0;
    while (at < block.length) {
      const finding = scanner.scan(block, at, isEnd);
      if (finding === "unfinished") break;
      if (finding === "bad") this.#addRow(rows, undefined, isGood);
      else if (finding === "record") this.#addRow(rows, block.subarray(at, scanner.next), isGood);
      at = scanner.next;
    }
    this.end = at;
    return RowColumns.of(rows);
  }

  /** `record`: undefined where it is bad. */
  #addRow(rows: ReadRow[], record: Buffer | undefined, isGood: boolean): void {
    const { lineNumber, cells, error } = this.#scanner;
    try {
      if (record === undefined) throw BigMapError.from(error);
      if (!isGood && !isUtf8(record)) throw notUtf8(this.#header === undefined ? "The header" : "The row");
      if (this.#header === undefined) this.#header = cells;
      else rows.push({ lineNumber, entry: this.#entryOf(cells, this.#header), error: undefined });
    } catch (thrown) {
      const failure = BigMapError.from(thrown);
      if (this.#header === undefined) throw atLine(lineNumber, failure);
      rows.push({ lineNumber, entry: undefined, error: failure });
    }
  }

  #entryOf(cells: readonly string[], header: readonly string[]): Entry {
    if (cells.length !== header.length) {
      throw new BigMapError(
        "INVALID_ARGUMENT",
        `The row has ${countText(cells.length, "cell")}, the header ${countText(header.length, "cell")}`,
        {
          hint: "Correct the row, or pass over such rows with --skip-bad; the format is that of the file's name, or of --format.",
        },
      );
    }
    // Without a prototype, so that a column may have any name.
    const row = Object.create(null) as Record<string, unknown>;
    for (let i = 0; i < cells.length; i++) row[header[i] as string] = cells[i];
    return entryOfRow(row, JSON.stringify(row), this.#mapping);
  }
}

/** What looks like markup to a CSV reader is quoted; so are blanks at either end, which some readers trim. */
function quoted(cell: string, delimiter: string): string {
  const plain = !cell.includes(delimiter) && !/["\r\n]|^\s|\s$|^\uFEFF/.test(cell);
  return plain ? cell : `"${cell.replaceAll('"', '""')}"`;
}
