/** Finds the records of CSV and TSV (RFC 4180) in bytes. HOT: every byte of such an import passes here. */
import { BigMapError } from "../../base/errors.js";
import { rowMaxBytes, tooLong } from "./row-errors.js";

const quote = 0x22;
const newline = 0x0a;
const carriageReturn = 0x0d;

/** What the bytes at a place are. `unfinished`: the begin of a record whose end is not there yet. */
export type Finding = "record" | "empty line" | "rest of a bad line" | "bad" | "unfinished";

/**
 * Reads one record after the other. A cell that begins with a quote goes on, over lines too, to the next quote that is not doubled.
 * Where a quote is wrong, the rest of its line is the bad row, and the next line is read as a record of its own: so a quote that is
 * never closed costs one line, not all that come after it.
 */
export class RecordScanner {
  cells: string[] = [];
  /** The line on which the record begins, and of a bad one the line of the quote that is wrong; from 1. */
  lineNumber = 1;
  error: BigMapError | undefined;
  /** Where to go on. */
  next = 0;
  /** What comes next, up to the end of its line, belongs to a record that was bad. */
  #isInBadLine = false;
  readonly #delimiter: number;
  /** Files of old Macs have only this at the ends of their lines; the end of the first line tells. */
  #lineEnd = newline;
  #isFirst = true;
  #nextLine = 1;

  constructor(delimiter: string) {
    this.#delimiter = delimiter.charCodeAt(0);
  }

  /** `isEnd`: nothing follows the bytes. */
  scan(bytes: Buffer, start: number, isEnd: boolean): Finding {
    if (this.#isInBadLine) {
      this.#passLine(bytes, start);
      return "rest of a bad line";
    }
    this.cells = [];
    this.lineNumber = this.#nextLine;
    let line = this.#nextLine;
    for (let at = start; ;) {
      const isQuoted = bytes[at] === quote;
      const cellStart = isQuoted ? at + 1 : at;
      const cellEnd = isQuoted ? closingQuote(bytes, cellStart, isEnd) : this.#plainEnd(bytes, at);
      if (cellEnd < 0) return this.#unclosed(bytes, start, at, line, isEnd);
      const quoteLine = line;
      if (isQuoted) line += this.#linesIn(bytes, cellStart, cellEnd);
      at = isQuoted ? cellEnd + 1 : cellEnd;
      const endBytes = this.#rowEndBytes(bytes, at, isEnd);
      if (endBytes < 0) return this.#unfinished(bytes, start);
      const isCellEnd = endBytes > 0 || at === bytes.length || bytes[at] === this.#delimiter;
      if (!isCellEnd) return this.#wrongQuote(bytes, isQuoted ? cellStart - 1 : at, isQuoted, quoteLine);
      const text = bytes.toString("utf8", cellStart, cellEnd);
      this.cells.push(isQuoted && text.includes('"') ? text.replaceAll('""', '"') : text);
      if (endBytes > 0 || at === bytes.length) return this.#record(start, at + endBytes, line + 1, at === start);
      at++;
    }
  }

  #record(start: number, next: number, nextLine: number, isEmpty: boolean): Finding {
    this.#isFirst = false;
    this.#nextLine = nextLine;
    this.next = next;
    if (isEmpty) return "empty line";
    if (next - start <= rowMaxBytes) return "record";
    this.error = tooLongRow();
    return "bad";
  }

  /** Of a cell without quotes: its delimiter, the end of its row, a quote that should not be there, or the end of the bytes. */
  #plainEnd(bytes: Buffer, at: number): number {
    const delimiter = this.#delimiter;
    const { length } = bytes;
    for (; at < length; at++) {
      const byte = bytes[at] as number;
      if (byte === delimiter || byte === quote || byte === this.#lineEnd) return at;
      if (byte === carriageReturn && (this.#isFirst || at + 1 >= length || bytes[at + 1] === newline)) return at;
    }
    return at;
  }

  /** How many bytes end a row here: 0 where none does, below 0 where the bytes to tell are not there yet. */
  #rowEndBytes(bytes: Buffer, at: number, isEnd: boolean): number {
    if (at === bytes.length) return isEnd ? 0 : -1;
    const byte = bytes[at];
    if (byte === this.#lineEnd) return 1;
    if (byte !== carriageReturn) return 0;
    if (at + 1 === bytes.length) return isEnd ? 1 : -1;
    if (bytes[at + 1] === newline) return 2;
    if (!this.#isFirst) return 0;
    this.#lineEnd = carriageReturn;
    return 1;
  }

  #linesIn(bytes: Buffer, start: number, end: number): number {
    let lines = 0;
    for (let at = bytes.indexOf(this.#lineEnd, start); at >= 0 && at < end; at = bytes.indexOf(this.#lineEnd, at + 1)) lines++;
    return lines;
  }

  #unfinished(bytes: Buffer, start: number): Finding {
    return bytes.length - start <= rowMaxBytes ? "unfinished" : this.#bad(bytes, start, this.lineNumber, tooLongRow());
  }

  #unclosed(bytes: Buffer, start: number, open: number, line: number, isEnd: boolean): Finding {
    if (!isEnd && bytes.length - start <= rowMaxBytes) return "unfinished";
    const where = isEnd ? "before the end of the file" : "within the length that a row may have";
    return this.#bad(bytes, open, line, quoteError(`The quote that opens in column ${this.cells.length + 1} is not closed ${where}`));
  }

  #wrongQuote(bytes: Buffer, at: number, isQuoted: boolean, line: number): Finding {
    const column = this.cells.length + 1;
    const what = isQuoted
      ? `The quoted text in column ${column} goes on behind its closing quote`
      : `There is a quote in column ${column}, which does not begin with one`;
    return this.#bad(bytes, at, line, quoteError(what));
  }

  /** The row is bad, and ends with the line that `at` is on. */
  #bad(bytes: Buffer, at: number, line: number, error: BigMapError): Finding {
    this.error = error;
    this.lineNumber = line;
    this.#nextLine = line + 1;
    this.#passLine(bytes, at);
    return "bad";
  }

  #passLine(bytes: Buffer, start: number): void {
    const end = bytes.indexOf(this.#lineEnd, start);
    this.#isInBadLine = end < 0;
    this.next = end < 0 ? bytes.length : end + 1;
  }
}

/** The quote that closes a cell, or -1 where it is not there yet: what looks like one at the end may be doubled. */
function closingQuote(bytes: Buffer, at: number, isEnd: boolean): number {
  for (;;) {
    const found = bytes.indexOf(quote, at);
    if (found < 0 || (found + 1 === bytes.length && !isEnd)) return -1;
    if (bytes[found + 1] !== quote) return found;
    at = found + 2;
  }
}

function quoteError(message: string): BigMapError {
  return new BigMapError("INVALID_ARGUMENT", message, {
    hint: 'Write a cell with quotes in it as "5"" pipe", or pass over such rows with --skip-bad: the next line is read as a row again.',
  });
}

function tooLongRow(): BigMapError {
  return tooLong("The row", "");
}
