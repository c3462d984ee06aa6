/**
 * Operations and their results as packed columns: the shape in which they travel from the client's map, over the pipe,
 * into the replica and back. HOT: no object per operation; grow, never shrink; copy bytes once.
 */
import { copyBytes, emptyBytes } from "./bytes.js";
import type { BigMapError } from "./errors.js";
import type { SessionId } from "./ids.js";

/** Low 4 bits of an operation's byte. */
export const operationKind = { get: 0, has: 1, put: 2, delete: 3 } as const;
/** High 4 bits of an operation's byte. */
export const operationCondition = { always: 0x00, ifAbsent: 0x10, ifVersion: 0x20 } as const;

export function kindOf(operation: number): number {
  return operation & 0x0f;
}
export function conditionOf(operation: number): number {
  return operation & 0xf0;
}
/** Updates are put and delete; queries are get and has. */
export function isUpdate(operation: number): boolean {
  return (operation & 0x0f) >= operationKind.put;
}

/**
 * A batch of operations on one map. The key of operation i is `keys[keyOffsets[i] .. keyOffsets[i + 1])`; a put's value
 * is `values[valueOffsets[i] .. valueOffsets[i + 1])` (empty for the other kinds). Offsets have `count + 1` members.
 * `ifVersions[i]` counts only with the condition ifVersion.
 */
export interface OperationBatch {
  readonly map: string;
  readonly count: number;
  readonly operations: Uint8Array;
  readonly keys: Uint8Array;
  readonly keyOffsets: Uint32Array;
  readonly values: Uint8Array;
  readonly valueOffsets: Uint32Array;
  /** Empty where no operation has the condition ifVersion. */
  readonly ifVersions: Float64Array;
  /** All or nothing for the updates that fall into one canister; else each by itself. */
  readonly atomic: boolean;
  /** Answer NOT_OWNER for keys of other replicas instead of forwarding. */
  readonly noForward: boolean;
  /** Monotonic time of this process after which operations that have not begun are refused; Infinity: never. */
  readonly deadlineMs: number;
}

export function keyOf(batch: OperationBatch, index: number): Uint8Array {
  return batch.keys.subarray(batch.keyOffsets[index], batch.keyOffsets[index + 1]);
}
export function valueOf(batch: OperationBatch, index: number): Uint8Array {
  return batch.values.subarray(batch.valueOffsets[index], batch.valueOffsets[index + 1]);
}

/** Status of one result. The numbers are those of bigmap.v1.PipeResponse. */
export const resultStatus = { failed: 0, foundValue: 1, found: 2, notFound: 3, written: 4, deleted: 5, nothingToDelete: 6 } as const;

/**
 * Results of some operations of a batch, as columns. The value of result i is
 * `values[valueOffsets[i] .. valueOffsets[i + 1])`.
 */
export interface ResultBatch {
  readonly count: number;
  /** Place of each result's operation in the batch; undefined: all operations, in order. */
  readonly indexes: Uint32Array | undefined;
  readonly statuses: Uint8Array;
  /** The entry's version, 0 where there is none. */
  readonly versions: Float64Array;
  readonly values: Uint8Array;
  readonly valueOffsets: Uint32Array;
  /** Errors of the failed results, by place in this result batch. */
  readonly errors: ReadonlyMap<number, BigMapError>;
}

export const noErrors: ReadonlyMap<number, BigMapError> = new Map();

/**
 * Takes the results of one batch, in one or more parts; each operation is answered exactly once. A part's arrays belong
 * to the taker from then on.
 */
export interface ResultSink {
  deliver(results: ResultBatch): void;
}

/** Where operations are carried out: a replica, or a connection to one. */
export interface OperationTarget {
  /**
   * Carries out the batch. Operations of one session on one key take effect in the order in which they were submitted.
   * An update's result is delivered when the update is durable. Never throws: what cannot be done is a failed result.
   * The batch's arrays must not be changed until every operation is answered.
   */
  submit(batch: OperationBatch, sessionId: SessionId, sink: ResultSink): void;
}

/** Collects operations column by column. */
export class OperationBatchBuilder {
  count = 0;
  /** Keys and values together, in bytes. */
  sizeBytes = 0;
  #operations = new Uint8Array(64);
  #keys = Buffer.allocUnsafe(1024);
  #keyOffsets = new Uint32Array(65);
  #values: Buffer = Buffer.allocUnsafe(0);
  #valueOffsets = new Uint32Array(65);
  #ifVersions: Float64Array = new Float64Array(0);

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

/** Collects results column by column. */
export class ResultBatchBuilder {
  count = 0;
  #indexes: Uint32Array;
  #statuses: Uint8Array;
  #versions: Float64Array;
  #valueOffsets: Uint32Array;
  #values: Buffer = Buffer.allocUnsafe(0);
  #errors: Map<number, BigMapError> | undefined;

  /** `expected` results come, or more. */
  constructor(expected = 16) {
    this.#indexes = new Uint32Array(expected);
    this.#statuses = new Uint8Array(expected);
    this.#versions = new Float64Array(expected);
    this.#valueOffsets = new Uint32Array(expected + 1);
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
    if (valueEnd > this.#values.length) this.#values = grown(this.#values, offset, valueEnd);
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

/** One result as an object: for the roads where an object each does no harm. */
export interface OperationResult {
  readonly status: number;
  readonly version: number;
  /** With status foundValue. */
  readonly value: Uint8Array;
  /** With status failed. */
  readonly error: BigMapError | undefined;
}

/** Collects the parts of one batch's answer; `results` resolves when every operation is answered. */
export class CollectingSink implements ResultSink {
  readonly results: Promise<readonly OperationResult[]>;
  readonly #rows: OperationResult[];
  #missing: number;
  #resolve!: (rows: readonly OperationResult[]) => void;

  constructor(operations: number) {
    this.#rows = new Array<OperationResult>(operations);
    this.#missing = operations;
    this.results = new Promise((resolve) => (this.#resolve = resolve));
    if (operations === 0) this.#resolve([]);
  }

  deliver(part: ResultBatch): void {
    for (let i = 0; i < part.count; i++) {
      const error = part.errors.get(i);
      this.#rows[part.indexes?.[i] ?? i] = {
        status: part.statuses[i] ?? resultStatus.failed,
        version: part.versions[i] ?? 0,
        value: part.values.subarray(part.valueOffsets[i], part.valueOffsets[i + 1]),
        error,
      };
    }
    this.#missing -= part.count;
    if (this.#missing === 0) this.#resolve(this.#rows);
  }
}

function grown(buffer: Buffer, usedBytes: number, neededBytes: number): Buffer<ArrayBuffer> {
  const wider = Buffer.allocUnsafe(Math.max(neededBytes, buffer.length * 2, 256));
  buffer.copy(wider, 0, 0, usedBytes);
  return wider;
}
