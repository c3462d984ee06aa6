import type { BigMapError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import { type OperationBatch, type ResultSink } from "../base/operation-batch.js";
import { ResultBatchBuilder } from "../base/result-batch-builder.js";

/** A large batch is answered in parts; one that is larger than this grows. */
const partExpectedMost = 256;

/**
 * One batch while the replica works on it: gathers results and hands them to the sink in parts, so that what needs no
 * disk does not wait for what does. HOT.
 */
export class BatchExecution {
  /** In the list of executions to flush. */
  isDirty = false;
  /** When the first of its operations had to wait for its canister: the wait is bounded over all that it waits for. */
  waitingSinceMs: number | undefined;
  #builder: ResultBatchBuilder | undefined;
  #unanswered: number;
  #lastIndex = -1;
  #ascending = true;
  /** Why no value is copied: the sink would throw it away. Looked at when a part is handed over. */
  #refusal: BigMapError | undefined;

  constructor(
    readonly batch: OperationBatch,
    readonly sessionId: SessionId,
    readonly sink: ResultSink,
  ) {
    this.#unanswered = batch.count;
  }

  add(index: number, status: number, version: number): void {
    this.#part(index).add(index, status, version);
  }

  addValue(index: number, version: number, source: Uint8Array, start: number, end: number): void {
    const part = this.#part(index);
    if (this.#refusal !== undefined) {
      part.addError(index, this.#refusal);
      return;
    }
    part.addValue(index, version, source, start, end);
    if (part.valueBytes < limits.resultPartMaxBytes) return;
    this.flush();
    this.#refusal = this.sink.refusal?.();
  }

  addError(index: number, error: BigMapError): void {
    this.#part(index).addError(index, error);
  }

  /** Hands what was gathered to the sink. */
  flush(): void {
    const part = this.#builder;
    this.isDirty = false;
    if (part === undefined) return;
    this.#builder = undefined;
    this.#unanswered -= part.count;
    const complete = part.count === this.batch.count && this.#ascending;
    this.#lastIndex = -1;
    this.#ascending = true;
    this.#refusal = undefined;
    this.sink.deliver(part.build(complete));
  }

  #part(index: number): ResultBatchBuilder {
    if (index <= this.#lastIndex) this.#ascending = false;
    this.#lastIndex = index;
    return (this.#builder ??= new ResultBatchBuilder(Math.min(this.#unanswered, partExpectedMost)));
  }
}
