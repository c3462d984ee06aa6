import { giveBytes, takeBytes } from "./byte-pool.js";
import { copyBytes, emptyBytes } from "./bytes.js";
import type { BigMapError } from "./errors.js";
import { noErrors, resultStatus, type ResultBatch } from "./operation-batch.js";

/** Whoever never gives values back should not be charged for a guess. */
const firstGuessMaxBytes = 256 * 1024;
const noBytes = Buffer.allocUnsafe(0);

/** Collects results column by column. The memory of the values is of the byte pool: whoever has copied them may give it back. */
export class ResultBatchBuilder {
  count = 0;
  #indexes: Uint32Array;
  #statuses: Uint8Array;
  #versions: Float64Array;
  #valueOffsets: Uint32Array;
  #values: Buffer = noBytes;
  readonly #expected: number;
  #errors: Map<number, BigMapError> | undefined;

  /** `expected` results come, or more. */
  constructor(expected = 16) {
    this.#expected = Math.max(1, expected);
    this.#indexes = new Uint32Array(this.#expected);
    this.#statuses = new Uint8Array(this.#expected);
    this.#versions = new Float64Array(this.#expected);
    this.#valueOffsets = new Uint32Array(this.#expected + 1);
  }

  get valueBytes(): number {
    return this.#valueOffsets[this.count] ?? 0;
  }

  /** Adds a result without a value. */
  add(index: number, status: number, version: number): void {
    const row = this.#row(index, status, version);
    this.#valueOffsets[row + 1] = this.#valueOffsets[row] ?? 0;
  }

  /** Adds a found entry; copies `source[start .. end)`. */
  addValue(index: number, version: number, source: Uint8Array, start: number, end: number): void {
    const row = this.#row(index, resultStatus.foundValue, version);
    const offset = this.#valueOffsets[row] ?? 0;
    const valueEnd = offset + end - start;
    if (valueEnd > this.#values.length) this.#growValues(offset, valueEnd);
    copyBytes(source, start, end, this.#values, offset);
    this.#valueOffsets[row + 1] = valueEnd;
  }

  addError(index: number, error: BigMapError): void {
    this.#errors ??= new Map();
    this.#errors.set(this.count, error);
    this.add(index, resultStatus.failed, 0);
  }

  /** The finished results; the builder must not be used again. `complete`: they are all of the batch's, in order. */
  build(complete: boolean): ResultBatch {
    const count = this.count;
    return {
      count,
      indexes: complete ? undefined : this.#indexes.subarray(0, count),
      statuses: this.#statuses.subarray(0, count),
      versions: this.#versions.subarray(0, count),
      values: count === 0 ? emptyBytes : this.#values.subarray(0, this.#valueOffsets[count]),
      valueOffsets: this.#valueOffsets.subarray(0, count + 1),
      errors: this.#errors ?? noErrors,
    };
  }

  /** The first time there is room for as many as are expected, of this size. */
  #growValues(usedBytes: number, neededBytes: number): void {
    const guessBytes = usedBytes === 0 ? Math.min(this.#expected * neededBytes, firstGuessMaxBytes) : this.#values.length * 2;
    const wider = takeBytes(Math.max(neededBytes, guessBytes));
    this.#values.copy(wider, 0, 0, usedBytes);
    giveBytes(this.#values);
    this.#values = wider;
  }

  #row(index: number, status: number, version: number): number {
    const row = this.count;
    if (row + 1 >= this.#valueOffsets.length) this.#growRows();
    this.#indexes[row] = index;
    this.#statuses[row] = status;
    this.#versions[row] = version;
    this.count = row + 1;
    return row;
  }

  #growRows(): void {
    const rows = this.#statuses.length * 4;
    const indexes = new Uint32Array(rows);
    indexes.set(this.#indexes);
    this.#indexes = indexes;
    const statuses = new Uint8Array(rows);
    statuses.set(this.#statuses);
    this.#statuses = statuses;
    const versions = new Float64Array(rows);
    versions.set(this.#versions);
    this.#versions = versions;
    const valueOffsets = new Uint32Array(rows + 1);
    valueOffsets.set(this.#valueOffsets);
    this.#valueOffsets = valueOffsets;
  }
}
