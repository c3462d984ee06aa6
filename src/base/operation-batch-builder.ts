import { giveBytes, takeBytes } from "./byte-pool.js";
import { copyBytes } from "./bytes.js";
import { operationCondition, type OperationBatch } from "./operation-batch.js";

/** How large a batch is. */
export interface BatchShape {
  readonly count: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

const smallBatch: BatchShape = { count: 7, keyBytes: 192, valueBytes: 0 };
/** One large batch must not make every later one large. */
const expectedMost: BatchShape = { count: 1023, keyBytes: 64 * 1024, valueBytes: 64 * 1024 };

/** The room for a batch that is likely to be much as the one before. */
export function roomLike(before: BatchShape | undefined): BatchShape {
  if (before === undefined) return smallBatch;
  return {
    count: Math.min(before.count, expectedMost.count),
    keyBytes: Math.min(before.keyBytes, expectedMost.keyBytes),
    valueBytes: Math.min(before.valueBytes, expectedMost.valueBytes),
  };
}

/** Collects operations column by column. The values' memory is of the byte pool: once the batch is answered it may be given back. */
export class OperationBatchBuilder {
  count = 0;
  /** Keys and values together, in bytes. */
  sizeBytes = 0;
  #operations: Uint8Array;
  #keys: Buffer;
  #keyOffsets: Uint32Array;
  #values: Buffer;
  #valueOffsets: Uint32Array;
  #ifVersions: Float64Array = new Float64Array(0);

  /** Makes room for a batch of this shape; it grows as it must. */
  constructor(room: BatchShape = smallBatch) {
    const rows = room.count + 1;
    this.#operations = new Uint8Array(rows);
    this.#keyOffsets = new Uint32Array(rows + 1);
    this.#valueOffsets = new Uint32Array(rows + 1);
    this.#keys = Buffer.allocUnsafe(room.keyBytes + 64);
    this.#values = takeBytes(room.valueBytes);
  }

  get shape(): BatchShape {
    return { count: this.count, keyBytes: this.#keyOffsets[this.count] ?? 0, valueBytes: this.#valueOffsets[this.count] ?? 0 };
  }

  /**
   * Adds one operation and returns its index. A string key is written as UTF-8. The bytes are copied. Limits are the
   * caller's business.
   */
  add(operation: number, key: Uint8Array | string, value: Uint8Array | undefined, ifVersion: number): number {
    const index = this.count;
    if (index + 1 >= this.#keyOffsets.length) this.#growRows();
    this.#operations[index] = operation;
    const keyEnd = this.#appendKey(key, this.#keyOffsets[index] ?? 0);
    this.sizeBytes += keyEnd - (this.#keyOffsets[index] ?? 0);
    this.#keyOffsets[index + 1] = keyEnd;
    const valueStart = this.#valueOffsets[index] ?? 0;
    if (value !== undefined && value.length > 0) {
      const valueEnd = valueStart + value.length;
      if (valueEnd > this.#values.length) this.#growValues(valueStart, valueEnd);
      this.#values.set(value, valueStart);
      this.#valueOffsets[index + 1] = valueEnd;
      this.sizeBytes += value.length;
    } else {
      this.#valueOffsets[index + 1] = valueStart;
    }
    if ((operation & 0xf0) === operationCondition.ifVersion) this.#setIfVersion(index, ifVersion);
    this.count = index + 1;
    return index;
  }

  /** Adds an unconditional operation whose key is `bytes[keyStart .. keyEnd)`, and whose value `bytes[valueStart .. valueEnd)`. */
  addSlices(operation: number, bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const index = this.count;
    if (index + 1 >= this.#keyOffsets.length) this.#growRows();
    const keyOffset = this.#keyOffsets[index] as number;
    const valueOffset = this.#valueOffsets[index] as number;
    const keyOffsetEnd = keyOffset + keyEnd - keyStart;
    const valueOffsetEnd = valueOffset + valueEnd - valueStart;
    if (keyOffsetEnd > this.#keys.length) this.#keys = grown(this.#keys, keyOffset, keyOffsetEnd);
    if (valueOffsetEnd > this.#values.length) this.#growValues(valueOffset, valueOffsetEnd);
    copyBytes(bytes, keyStart, keyEnd, this.#keys, keyOffset);
    copyBytes(bytes, valueStart, valueEnd, this.#values, valueOffset);
    this.#operations[index] = operation;
    this.#keyOffsets[index + 1] = keyOffsetEnd;
    this.#valueOffsets[index + 1] = valueOffsetEnd;
    this.sizeBytes += keyEnd - keyStart + valueEnd - valueStart;
    this.count = index + 1;
  }

  /** The finished batch; the builder must not be used again. */
  build(map: string, options: { atomic?: boolean; noForward?: boolean; deadlineMs?: number } = {}): OperationBatch {
    const count = this.count;
    return {
      map,
      count,
      operations: this.#operations.subarray(0, count),
      keys: this.#keys.subarray(0, this.#keyOffsets[count]),
      keyOffsets: this.#keyOffsets.subarray(0, count + 1),
      values: this.#values.subarray(0, this.#valueOffsets[count]),
      valueOffsets: this.#valueOffsets.subarray(0, count + 1),
      ifVersions: this.#ifVersions,
      atomic: options.atomic ?? false,
      noForward: options.noForward ?? false,
      deadlineMs: options.deadlineMs ?? Infinity,
    };
  }

  #appendKey(key: Uint8Array | string, start: number): number {
    if (typeof key !== "string") {
      const end = start + key.length;
      if (end > this.#keys.length) this.#keys = grown(this.#keys, start, end);
      this.#keys.set(key, start);
      return end;
    }
    const most = start + key.length * 3;
    if (most > this.#keys.length) this.#keys = grown(this.#keys, start, most);
    return start + this.#keys.write(key, start);
  }

  #setIfVersion(index: number, ifVersion: number): void {
    if (this.#ifVersions.length <= index) {
      const wider = new Float64Array(this.#operations.length);
      wider.set(this.#ifVersions);
      this.#ifVersions = wider;
    }
    this.#ifVersions[index] = ifVersion;
  }

  #growValues(usedBytes: number, neededBytes: number): void {
    const outgrown = this.#values;
    this.#values = takeBytes(Math.max(neededBytes, outgrown.length * 2, 256));
    outgrown.copy(this.#values, 0, 0, usedBytes);
    giveBytes(outgrown);
  }

  #growRows(): void {
    const rows = this.#operations.length * 4;
    const operations = new Uint8Array(rows);
    operations.set(this.#operations);
    this.#operations = operations;
    const keyOffsets = new Uint32Array(rows + 1);
    keyOffsets.set(this.#keyOffsets);
    this.#keyOffsets = keyOffsets;
    const valueOffsets = new Uint32Array(rows + 1);
    valueOffsets.set(this.#valueOffsets);
    this.#valueOffsets = valueOffsets;
  }
}

function grown(buffer: Buffer, usedBytes: number, neededBytes: number): Buffer<ArrayBuffer> {
  const wider = Buffer.allocUnsafe(Math.max(neededBytes, buffer.length * 2, 256));
  buffer.copy(wider, 0, 0, usedBytes);
  return wider;
}
