import { BigMapError, type ErrorCode } from "../../src/base/errors.js";
import { keyOf, kindOf, type OperationBatch, type ResultSink } from "../../src/base/operation-batch.js";
import { ResultBatchBuilder } from "../../src/base/result-batch-builder.js";
import { MemoryConnection } from "../map-api/memory-connection.js";

export interface HeldBatch {
  readonly batch: OperationBatch;
  readonly sink: ResultSink;
}

/** Answers nothing by itself: the test decides which batch is answered when, and how. */
export class HeldConnection extends MemoryConnection {
  readonly batches: HeldBatch[] = [];
  /** Whether batches count as sent when they are withdrawn. */
  sends = true;
  /** There is no connection for what is submitted now; what was sent before may still be answered. */
  isOut = false;
  closed = false;

  override submit(batch: OperationBatch, _sessionId: number, sink: ResultSink): void {
    this.batches.push({ batch, sink });
  }

  withdraw(_sink: ResultSink): boolean {
    return this.sends;
  }

  outage(): BigMapError | undefined {
    return this.isOut ? new BigMapError("UNAVAILABLE", "The test cut the connection") : undefined;
  }

  override close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** The batch of this number, from 0, as text: "put a", "get b". */
  textOf(number: number): string[] {
    const { batch } = this.#held(number);
    const kinds = ["get", "has", "put", "delete"];
    return Array.from(
      { length: batch.count },
      (_, i) => `${kinds[kindOf(batch.operations[i] ?? 0)]} ${Buffer.from(keyOf(batch, i)).toString()}`,
    );
  }

  /** Carries out the whole batch and answers. */
  answer(number: number): void {
    const { batch, sink } = this.#held(number);
    const results = new ResultBatchBuilder();
    this.apply(batch, results);
    sink.deliver(results.build(true));
  }

  /** Refuses these operations of the batch, by default all, without carrying them out. */
  fail(number: number, code: ErrorCode, indexes?: readonly number[]): void {
    const { batch, sink } = this.#held(number);
    const results = new ResultBatchBuilder();
    const places = indexes ?? Array.from({ length: batch.count }, (_, i) => i);
    for (const index of places) results.addError(index, new BigMapError(code, `The test says ${code}`));
    sink.deliver(results.build(indexes === undefined));
  }

  #held(number: number): HeldBatch {
    const held = this.batches[number];
    if (held === undefined) throw new BigMapError("INTERNAL", `There is no batch ${number}`);
    return held;
  }
}

/** Lets everything run that this turn of the loop still has to do. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
