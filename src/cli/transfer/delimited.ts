import { CsvError, parse, type Info } from "csv-parse";
import { pipeline, type Readable } from "node:stream";
import { formatSizeBytes } from "../../base/bytes.js";
import { BigMapError } from "../../base/errors.js";
import { entryFields, entryOfRow, rowOfEntry, type Entry, type Row, type RowMapping } from "./row.js";
import { RowColumns } from "./row-columns.js";
import { atLine, notUtf8, rowMaxBytes } from "./row-errors.js";
import type { ReadRow, RowReader } from "./row-stream.js";
import { Utf8Check } from "./utf8-check.js";

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
 * Rows of CSV (`,`) or TSV (tab) with a header line. A row that does not fit the header, or is not UTF-8, is an error of that row; one
 * with a quote that is never closed takes the rest of the file. Errors: INVALID_ARGUMENT where the header is not UTF-8 or has a name
 * twice, or a row goes on for more than `rowMaxBytes` and a chunk of the input, as one with such a quote may.
 */
export function delimitedReader(delimiter: string): RowReader {
  return async function* readDelimited(input: Readable, mapping: RowMapping): AsyncIterable<RowColumns> {
    const skipped: ReadRow[] = [];
    const check = new Utf8Check();
    let lastRow: Position = { bytes: 0, lines: 0 };
    const parser = parse({
      delimiter,
      bom: true,
      columns: (header: string[]) => {
        if (check.takeFlawsBefore(parser.info.bytes)) throw notUtf8(`Line ${parser.info.lines}: The header`);
        assertDistinct(header);
        return header;
      },
      info: true,
      skip_empty_lines: true,
      skip_records_with_error: true,
      on_record: (record: Row, { bytes, lines }) => {
        lastRow = { bytes, lines };
        return record;
      },
      on_skip: (error) => {
        const isOpen = error?.code === "CSV_QUOTE_NOT_CLOSED";
        const lineNumber = isOpen ? lastRow.lines + 1 : lineOf(error);
        lastRow = { bytes: parser.info.bytes, lines: parser.info.lines };
        skipped.push({ lineNumber, entry: undefined, error: isOpen ? openQuote() : rowError(error) });
        return undefined;
      },
    });
    // The parser's own limit is an error for every byte behind it, to the end of the input.
    const bounded = async function* (source: Readable): AsyncGenerator<Buffer> {
      let bytes = 0;
      let emptyLines = 0;
      for await (const chunk of check.watch(source)) {
        const { empty_lines, lines } = parser.info;
        if (empty_lines > emptyLines) lastRow = { bytes, lines };
        emptyLines = empty_lines;
        if (bytes - lastRow.bytes > rowMaxBytes) throw atLine(lastRow.lines + 1, endlessRow());
        bytes += chunk.length;
        yield chunk;
      }
    };
    // Errors of either stream reach the loop below through the parser.
    pipeline(input, bounded, parser, () => undefined);
    try {
      for await (const { record, info } of parser as AsyncIterable<{ record: Row; info: Info }>) {
        // The parser is ahead of this loop: a bad row waits for its turn, so that rows come in the order of their lines.
        while ((skipped[0]?.lineNumber ?? Infinity) < info.lines) yield RowColumns.of([skipped.shift() as ReadRow]);
        const isBad = check.takeFlawsBefore(info.bytes) && hasReplacement(record);
        yield RowColumns.of([isBad ? badRow(info.lines) : readRecord(record, info.lines, mapping)]);
      }
    } catch (error) {
      throw rowError(error as Error);
    }
    yield RowColumns.of(skipped);
  };
}

/** Where a row ends in the input. */
interface Position {
  readonly bytes: number;
  readonly lines: number;
}

/** Of two columns with one name the first would be lost. */
function assertDistinct(header: readonly string[]): void {
  const twice = header.find((name, i) => header.indexOf(name) < i);
  if (twice === undefined) return;
  const what = twice === "" ? "two columns without a name" : `the name ${JSON.stringify(twice)} twice`;
  throw new BigMapError("INVALID_ARGUMENT", `The header has ${what}`, { hint: "Give every column a name of its own." });
}

function readRecord(record: Row, lineNumber: number, mapping: RowMapping): ReadRow {
  try {
    return { lineNumber, entry: entryOfRow(record, JSON.stringify(record), mapping), error: undefined };
  } catch (error) {
    return { lineNumber, entry: undefined, error: BigMapError.from(error) };
  }
}

function badRow(lineNumber: number): ReadRow {
  return { lineNumber, entry: undefined, error: notUtf8("The row") };
}

/** Bad bytes were read as U+FFFD. A row without one follows a row that was skipped, whose bytes were the bad ones. */
function hasReplacement(record: Row): boolean {
  return Object.values(record).some((cell) => (cell as string).includes("\uFFFD"));
}

function rowError(error: Error | undefined): BigMapError {
  if (error instanceof BigMapError) return error;
  if (error instanceof CsvError) {
    return new BigMapError("INVALID_ARGUMENT", error.message, {
      cause: error,
      hint: "Correct the row, or pass over such rows with --skip-bad.",
    });
  }
  return BigMapError.from(error);
}

function openQuote(): BigMapError {
  return new BigMapError("INVALID_ARGUMENT", "A quote that opens in this row is never closed: the row takes the rest of the file", {
    hint: 'Close the quote; within a cell in quotes, write a quote twice: "5"" pipe".',
  });
}

function endlessRow(): BigMapError {
  return new BigMapError("INVALID_ARGUMENT", `The row has more than ${formatSizeBytes(rowMaxBytes)}: too long for any entry`, {
    hint: "Look for a quote in this row that is not closed. --skip-bad does not help: where the row ends is not known.",
  });
}

/** csv-parse hangs the facts on its errors without naming them in their type. */
function lineOf(error: CsvError | undefined): number {
  const line: unknown = error?.["lines"];
  return typeof line === "number" ? line : 0;
}

/** What looks like markup to a CSV reader is quoted; so are blanks at either end, which some readers trim. */
function quoted(cell: string, delimiter: string): string {
  const plain = !cell.includes(delimiter) && !/["\r\n]|^\s|\s$|^\uFEFF/.test(cell);
  return plain ? cell : `"${cell.replaceAll('"', '""')}"`;
}
