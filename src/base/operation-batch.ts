/**
 * Operations and their results as packed columns: the shape in which they travel from the client's map, over the pipe,
 * into the replica and back. HOT: no object per operation; grow, never shrink; copy bytes once.
 */
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
  /** Why values would be thrown away if they were delivered now, so that they need not be copied. Absent: they never are. */
  readonly refusal?: () => BigMapError | undefined;
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
