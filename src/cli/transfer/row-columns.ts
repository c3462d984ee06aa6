import type { ReadRow } from "./row-stream.js";

const noSlice = -1;

/**
 * Rows of one piece of the input, as columns: the key of row i is `bytes[keyStarts[i] .. keyEnds[i])`, its value likewise. Only
 * rows that are no such slices (bad ones, and those whose bytes stand in the input in another form) are objects. HOT: no object
 * for each of the others.
 */
export class RowColumns implements Iterable<ReadRow> {
  readonly bytes: Uint8Array;
  /** From 1, as editors count. */
  readonly lineNumbers: number[] = [];
  /** Below 0 where the row is an object. */
  readonly keyStarts: number[] = [];
  readonly keyEnds: number[] = [];
  readonly valueStarts: number[] = [];
  readonly valueEnds: number[] = [];
  readonly #objects = new Map<number, ReadRow>();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** For readers that make an object of every row. */
  static of(rows: readonly ReadRow[]): RowColumns {
    const columns = new RowColumns(new Uint8Array(0));
    for (const row of rows) columns.addObject(row);
    return columns;
  }

  get count(): number {
    return this.lineNumbers.length;
  }

  addSlices(lineNumber: number, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    this.lineNumbers.push(lineNumber);
    this.keyStarts.push(keyStart);
    this.keyEnds.push(keyEnd);
    this.valueStarts.push(valueStart);
    this.valueEnds.push(valueEnd);
  }

  addObject(row: ReadRow): void {
    this.#objects.set(this.count, row);
    this.addSlices(row.lineNumber, noSlice, noSlice, noSlice, noSlice);
  }

  isSlices(index: number): boolean {
    return (this.keyStarts[index] as number) >= 0;
  }

  /** The row as an object, which may hold slices of the input. */
  at(index: number): ReadRow {
    return this.#objects.get(index) ?? this.#sliced(index);
  }

  *[Symbol.iterator](): Iterator<ReadRow> {
    for (let index = 0; index < this.count; index++) yield this.at(index);
  }

  #sliced(index: number): ReadRow {
    const key = this.bytes.subarray(this.keyStarts[index], this.keyEnds[index]);
    const value = this.bytes.subarray(this.valueStarts[index], this.valueEnds[index]);
    return { lineNumber: this.lineNumbers[index] as number, entry: { key, value }, error: undefined };
  }
}
