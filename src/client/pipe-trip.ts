import { BigMapError, type ErrorCode } from "../base/errors.js";
import { isUpdate, type OperationBatch, type ResultBatch, type ResultSink } from "../base/operation-batch.js";
import { ResultBatchBuilder } from "../base/result-batch-builder.js";
import type { BatchLoss, PipeSink } from "../rpc/pipe-batch.js";
import type { PipeClient } from "../rpc/pipe-client.js";
import { outcomeUnknown } from "./pending-batch.js";

/** A batch on a pipe. What gets lost becomes a result too, whose error says what the caller may do. */
export class PipeTrip implements PipeSink {
  readonly #batch: OperationBatch;
  readonly #sink: ResultSink;
  readonly #onEnd: (sink: ResultSink) => void;
  #missing: number;
  #withdrawn = false;
  #mayHaveBegun = false;

  /** `onEnd` is called when every operation is answered. */
  constructor(batch: OperationBatch, sink: ResultSink, onEnd: (sink: ResultSink) => void) {
    this.#batch = batch;
    this.#sink = sink;
    this.#onEnd = onEnd;
    this.#missing = batch.count;
  }

  deliver(results: ResultBatch): void {
    this.#missing -= results.count;
    if (this.#missing === 0) this.#onEnd(this.#sink);
    this.#sink.deliver(results);
  }

  lose(loss: BatchLoss): void {
    this.#mayHaveBegun = loss.mayHaveBegun;
    this.#onEnd(this.#sink);
    if (!this.#withdrawn) this.#sink.deliver(lostResults(this.#batch, loss));
  }

  /** Takes the batch off the pipe. Returns whether any of it may have been carried out. */
  withdrawFrom(pipe: PipeClient): boolean {
    this.#withdrawn = true;
    pipe.withdraw(this, new BigMapError("CANCELLED", "The batch was withdrawn"));
    return this.#mayHaveBegun;
  }
}

/** Unsent operations and queries fail with an error that lets them be sent again; the outcome of sent updates is unknown. */
export function lostResults(batch: OperationBatch, { indexes, mayHaveBegun, error }: BatchLoss): ResultBatch {
  const reason = lossReason(error);
  const unknown = outcomeUnknown(reason);
  const results = new ResultBatchBuilder();
  const count = indexes?.length ?? batch.count;
  for (let i = 0; i < count; i++) {
    const index = indexes?.[i] ?? i;
    const begun = mayHaveBegun && isUpdate(batch.operations[index] ?? 0);
    results.addError(index, begun ? unknown : reason);
  }
  return results.build(indexes === undefined);
}

/** The whole batch fails with this error. */
export function refusedResults(batch: OperationBatch, error: BigMapError): ResultBatch {
  const results = new ResultBatchBuilder(batch.count);
  for (let index = 0; index < batch.count; index++) results.addError(index, error);
  return results.build(true);
}

/** How a connection that broke may name itself; none of them says anything about the operation. */
const breakages: ReadonlySet<ErrorCode> = new Set(["CLOSED", "CANCELLED", "INTERNAL", "UNAVAILABLE"]);

function lossReason(error: BigMapError): BigMapError {
  return breakages.has(error.code) ? new BigMapError("UNAVAILABLE", `The connection broke: ${error.message}`, { cause: error }) : error;
}
