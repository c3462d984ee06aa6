import { operationCondition, type OperationBatch } from "./operation-batch.js";

/** How large a batch is. */
export interface BatchShape {
  readonly count: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

const smallBatch: BatchShape = { count: 7, keyBytes: 192, valueBytes: 0 };
/** One large batch must not make every later one large. */
const expectedMaxBytes = 64 * 1024;

/** Collects operations column by column. */
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

  /** Makes room for a batch that is much like `like`; it grows as it must. */
  constructor(like: BatchShape = smallBatch) {
    const rows = Math.min(like.count + 1, 1024);
    this.#operations = new Uint8Array(rows);
    this.#keyOffsets = new Uint32Array(rows + 1);
    this.#valueOffsets = new Uint32Array(rows + 1);
    this.#keys = Buffer.allocUnsafe(Math.min(like.keyBytes + 64, expectedMaxBytes));
    this.#values = Buffer.allocUnsafe(Math.min(like.valueBytes, expectedMaxBytes));
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
      if (valueEnd > this.#values.length) this.#values = grown(this.#values, valueStart, valueEnd);
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
