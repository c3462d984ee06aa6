import { BigMapError } from "../base/errors.js";
import type { OperationBatch, ResultBatch, ResultSink } from "../base/operation-batch.js";

/** What became of the operations of a batch that will not be answered any more. */
export interface BatchLoss {
  /** Places of these operations in the batch; undefined: all of them. */
  readonly indexes: Uint32Array | undefined;
  /**
   * False: the server certainly did not begin them, and they may be sent again. True: it may have carried them out; a
   * query may be repeated, the outcome of an update is unknown.
   */
  readonly mayHaveBegun: boolean;
  readonly error: BigMapError;
}

/** Takes the results of one batch. Each operation is either delivered or lost, exactly once. */
export interface PipeSink extends ResultSink {
  /** Called at most once; nothing is delivered afterwards. */
  lose(loss: BatchLoss): void;
}

/** Takes what is still answered after its sink was told that the operations are lost. */
const ignoringSink: PipeSink = { deliver: () => undefined, lose: () => undefined };

/** A batch on its way through a pipe, and which of its operations are answered. */
export class PipeBatch {
  readonly batch: OperationBatch;
  /** Keys and values, in bytes. */
  readonly sizeBytes: number;
  #sink: PipeSink;
  #missing: number;
  /** One byte an operation; only for batches that are answered in parts. */
  #answered: Uint8Array | undefined;

  constructor(batch: OperationBatch, sink: PipeSink) {
    this.batch = batch;
    this.sizeBytes = batch.keys.length + batch.values.length;
    this.#sink = sink;
    this.#missing = batch.count;
  }

  get isAnswered(): boolean {
    return this.#missing === 0;
  }

  /** Whether somebody still waits for operations of it. */
  get isAwaited(): boolean {
    return this.#missing > 0 && this.#sink !== ignoringSink;
  }

  isFor(sink: PipeSink): boolean {
    return this.#sink === sink;
  }

  /** Errors: FRAME_INVALID where results that name no operations are not one for each. */
  assertAnswers(results: ResultBatch): void {
    if (results.indexes === undefined && (this.#answered !== undefined || results.count !== this.batch.count)) {
      throw new BigMapError("FRAME_INVALID", `An answer has ${results.count} results for ${this.batch.count} operations`);
    }
  }

  /** Errors: FRAME_INVALID where an operation is answered twice or was never asked. */
  deliver(results: ResultBatch): void {
    this.assertAnswers(results);
    if (results.indexes !== undefined) this.#mark(results.indexes);
    this.#missing -= results.count;
    this.#sink.deliver(results);
  }

  lose(mayHaveBegun: boolean, error: BigMapError): void {
    const sink = this.#sink;
    this.#sink = ignoringSink;
    sink.lose({ indexes: this.#unanswered(), mayHaveBegun, error });
  }

  #mark(indexes: Uint32Array): void {
    this.#answered ??= new Uint8Array(this.batch.count);
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i] as number;
      if (this.#answered[index] !== 0) {
        // Nothing of these results is delivered: all of it is still to be lost.
        for (let j = 0; j < i; j++) this.#answered[indexes[j] as number] = 0;
        throw new BigMapError("FRAME_INVALID", `Operation ${index} was answered twice, or is not in the batch`);
      }
      this.#answered[index] = 1;
    }
  }

  #unanswered(): Uint32Array | undefined {
    const answered = this.#answered;
    if (answered === undefined) return undefined;
    const indexes = new Uint32Array(this.#missing);
    let found = 0;
    for (let i = 0; i < answered.length && found < indexes.length; i++) if (answered[i] === 0) indexes[found++] = i;
    return indexes;
  }
}
