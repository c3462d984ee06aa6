/** Operations that travel together and the callers who wait for them, as columns. HOT: `push`, `deliver`. */
import { giveBytes } from "../base/byte-pool.js";
import { BigMapError, assert } from "../base/errors.js";
import { limits } from "../base/limits.js";
import { isUpdate, resultStatus, type OperationBatch, type ResultBatch, type ResultSink } from "../base/operation-batch.js";
import type { BatchShape, OperationBatchBuilder } from "../base/operation-batch-builder.js";
import type { Receiver, Reject, Resolve } from "./receiver.js";

/** What operations must have in common to share a batch. Compared by identity, so one call makes one object. */
export interface Terms {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** All or nothing for the updates of one canister. */
  readonly atomic: boolean;
}

/** One operation on its way into a batch. */
export interface Asked {
  readonly operation: number;
  readonly key: Uint8Array | string;
  readonly value: Uint8Array | undefined;
  readonly ifVersion: number;
  readonly receiver: Receiver;
  readonly resolve: Resolve;
  readonly reject: Reject;
  readonly place: number;
}

/** Who decides what becomes of a batch. */
export interface BatchOwner {
  /** The operations at `indexes` failed with an error whose advice is to try again. The owner takes them over. */
  retry(batch: PendingBatch, indexes: readonly number[], errors: readonly BigMapError[]): void;
  /** Every operation is answered or taken over. */
  finished(batch: PendingBatch): void;
  /** Callers have their answers, and will ask again in a moment. */
  delivered(): void;
}

const nobody = undefined as unknown as Receiver;
/** In place of what would keep an answer's promise, and so its value, until the whole batch is answered. */
const answeredAlready = (): void => undefined;

export class PendingBatch implements ResultSink {
  readonly terms: Terms;
  readonly deadlineMs: number;
  /** Place in the order in which the batches of one map are sent; 0 until then. */
  sequence = 0;
  /** What the client's budget was charged for its keys and values. */
  budgetBytes = 0;
  /** Some operation had a result that is no failure. */
  answered = false;
  readonly #owner: BatchOwner;
  readonly #builder: OperationBatchBuilder;
  readonly #resolves: Resolve[] = [];
  readonly #rejects: Reject[] = [];
  readonly #receivers: Receiver[] = [];
  readonly #places: number[] = [];
  #batch: OperationBatch | undefined;
  #open = 0;
  #final = false;
  /** Of operations that the owner took over: their places. */
  #movedAway: Set<number> | undefined;
  /** Of an atomic batch: what failed so far, held back until all is known. */
  #failures: Map<number, BigMapError> | undefined;

  /** `builder` is the batch's from now on. Where it holds operations already, their callers are named with `adopt`. */
  constructor(owner: BatchOwner, terms: Terms, deadlineMs: number, builder: OperationBatchBuilder) {
    this.#builder = builder;
    this.#owner = owner;
    this.terms = terms;
    this.deadlineMs = deadlineMs;
  }

  get count(): number {
    return this.#builder.count;
  }

  get shape(): BatchShape {
    return this.#builder.shape;
  }

  get sizeBytes(): number {
    return this.#builder.sizeBytes;
  }

  /** Every operation is answered or taken over. */
  get done(): boolean {
    return this.#open === 0;
  }

  get operations(): OperationBatch {
    assert(this.#batch !== undefined, "the batch was built");
    return this.#batch;
  }

  push(
    operation: number,
    key: Uint8Array | string,
    value: Uint8Array | undefined,
    ifVersion: number,
    receiver: Receiver,
    resolve: Resolve,
    reject: Reject,
    place: number,
  ): void {
    this.#builder.add(operation, key, value, ifVersion);
    this.#receivers.push(receiver);
    this.#resolves.push(resolve);
    this.#rejects.push(reject);
    this.#places.push(place);
    this.#open++;
  }

  /** Whether one more operation fits that was in a batch before. An atomic batch was measured when it was asked. */
  hasRoomFor({ key, value }: Asked): boolean {
    if (this.terms.atomic) return true;
    const sizeBytes = this.sizeBytes + key.length + (value?.length ?? 0);
    return this.count < limits.batchMaxOperations && sizeBytes <= limits.batchMaxBytes;
  }

  /** Names the caller of all operations that the builder brought along; their places follow each other from `firstPlace`. */
  adopt(receiver: Receiver, resolve: Resolve, reject: Reject, firstPlace: number): void {
    for (let index = 0; index < this.count; index++) {
      this.#receivers.push(receiver);
      this.#resolves.push(resolve);
      this.#rejects.push(reject);
      this.#places.push(firstPlace + index);
    }
    this.#open = this.count;
  }

  /** Ends the collecting. */
  build(map: string, sequence: number): OperationBatch {
    this.sequence = sequence;
    this.#batch = this.#builder.build(map, { atomic: this.terms.atomic, deadlineMs: this.deadlineMs });
    return this.#batch;
  }

  /** From now on every failure is the caller's: nothing is tried again. */
  giveUp(): void {
    this.#final = true;
  }

  deliver(part: ResultBatch): void {
    // Answers that come after the batch was given up.
    if (this.#open === 0) return;
    const { count, indexes, statuses } = part;
    let failed: number[] | undefined;
    for (let row = 0; row < count; row++) {
      const index = indexes === undefined ? row : (indexes[row] as number);
      const receiver = this.#receivers[index];
      if (receiver === undefined) continue;
      if (statuses[row] === resultStatus.failed) {
        (failed ??= []).push(row);
        continue;
      }
      const resolve = this.#resolves[index] as Resolve;
      const reject = this.#rejects[index] as Reject;
      this.#receivers[index] = nobody;
      this.#resolves[index] = answeredAlready;
      this.#rejects[index] = answeredAlready;
      this.#open--;
      receiver.accept(resolve, reject, this.#places[index] as number, part, row);
    }
    if (count > 0 && failed?.length !== count) this.answered = true;
    if (failed !== undefined) this.#sortFailures(part, failed);
    if (this.#failures !== undefined && this.#failures.size === this.#open) this.#decideAtomic(this.#failures);
    if (this.#open === 0) this.#owner.finished(this);
    this.#owner.delivered();
  }

  /**
   * Gives the values' memory back, for a connection that is done with them; not where they went on to another batch, or where
   * nobody knows.
   */
  giveValuesBack(): void {
    if (this.#movedAway === undefined && !this.#final) giveBytes(this.operations.values);
  }

  /** Refuses what is still open: `reason` for what cannot have been applied, OUTCOME_UNKNOWN for updates. */
  abandon(reason: BigMapError, sent: boolean): void {
    if (this.#open === 0) return;
    this.giveUp();
    this.#failures = undefined;
    for (let index = 0; index < this.#receivers.length; index++) {
      if (this.#receivers[index] !== undefined)
        this.refuse(index, sent && isUpdate(this.operationAt(index)) ? outcomeUnknown(reason) : reason);
    }
    this.#owner.finished(this);
  }

  refuse(index: number, error: BigMapError): void {
    const receiver = this.#receivers[index] as Receiver;
    this.#receivers[index] = nobody;
    this.#open--;
    receiver.refuse(this.#rejects[index] as Reject, this.#places[index] as number, error);
  }

  /** Hands an open operation over to somebody else. Keys and values keep pointing into this batch. */
  moveAway(index: number): Asked {
    const asked: Asked = {
      operation: this.operationAt(index),
      key: this.keyAt(index),
      value: this.#valueAt(index),
      ifVersion: this.operations.ifVersions[index] ?? 0,
      receiver: this.#receivers[index] as Receiver,
      resolve: this.#resolves[index] as Resolve,
      reject: this.#rejects[index] as Reject,
      place: this.#places[index] as number,
    };
    this.#receivers[index] = nobody;
    this.#open--;
    (this.#movedAway ??= new Set()).add(index);
    return asked;
  }

  /** Whether the operation was answered by this batch. */
  answeredAt(index: number): boolean {
    return this.#receivers[index] === undefined && this.#movedAway?.has(index) !== true;
  }

  operationAt(index: number): number {
    return this.operations.operations[index] as number;
  }

  keyAt(index: number): Uint8Array {
    const { keys, keyOffsets } = this.operations;
    return keys.subarray(keyOffsets[index], keyOffsets[index + 1]);
  }

  #valueAt(index: number): Uint8Array {
    const { values, valueOffsets } = this.operations;
    return values.subarray(valueOffsets[index], valueOffsets[index + 1]);
  }

  #sortFailures(part: ResultBatch, rows: readonly number[]): void {
    const indexes: number[] = [];
    const errors: BigMapError[] = [];
    for (const row of rows) {
      const index = part.indexes === undefined ? row : (part.indexes[row] as number);
      const error = part.errors.get(row) ?? new BigMapError("FRAME_INVALID", "A failed result came without its error");
      if (this.terms.atomic && !this.#final) {
        (this.#failures ??= new Map()).set(index, error);
      } else if (this.#final || !mayTryAgain(error)) {
        this.refuse(index, error);
      } else {
        indexes.push(index);
        errors.push(error);
      }
    }
    if (indexes.length > 0) this.#owner.retry(this, indexes, errors);
  }

  /**
   * All that is open has failed. Updates of one canister fail together, so those that failed for a passing reason may
   * go again together; but where one of them stands for others (BATCH_ABORTED), going again alone would break the batch.
   */
  #decideAtomic(failures: ReadonlyMap<number, BigMapError>): void {
    this.#failures = undefined;
    const errors = [...failures.values()];
    const again = !this.#final && errors.every((error) => mayTryAgain(error));
    if (again) this.#owner.retry(this, [...failures.keys()], errors);
    else for (const [index, error] of failures) this.refuse(index, error);
  }
}

export function outcomeUnknown(reason: BigMapError): BigMapError {
  return new BigMapError("OUTCOME_UNKNOWN", `The update was sent and not answered: ${reason.message}`, { cause: reason });
}

export function tooLate(terms: Terms): BigMapError {
  return new BigMapError("DEADLINE_EXCEEDED", `There was no answer within ${terms.timeoutMs} ms`);
}

export function cancelled(signal: AbortSignal): BigMapError {
  return new BigMapError("CANCELLED", "The caller's signal was aborted", { cause: signal.reason });
}

/** A deadline that has passed does not come back, however transient the advice. */
function mayTryAgain(error: BigMapError): boolean {
  return error.retry === "transient" && error.code !== "DEADLINE_EXCEEDED";
}
