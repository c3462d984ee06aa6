/** A target that keeps entries in a Map, and can be told to hold answers back or to give them in parts. */
import {
  keyOf,
  kindOf,
  noErrors,
  operationKind,
  resultStatus,
  valueOf,
  type OperationBatch,
  type OperationTarget,
  type ResultSink,
} from "../../src/base/operation-batch.js";
import { ResultBatchBuilder } from "../../src/base/result-batch-builder.js";
import type { SessionId } from "../../src/base/ids.js";
import { limits } from "../../src/base/limits.js";

export interface Submission {
  readonly batch: OperationBatch;
  readonly sessionId: SessionId;
  readonly sink: ResultSink;
}

export class FakeTarget implements OperationTarget {
  readonly submissions: Submission[] = [];
  /** While set, batches wait here until `answer` is called. */
  holding = false;
  readonly #entries = new Map<string, { readonly value: Buffer; readonly version: number }>();
  readonly #arrivals: (() => void)[] = [];
  #version = 0;

  submit(batch: OperationBatch, sessionId: SessionId, sink: ResultSink): void {
    const submission = { batch, sessionId, sink };
    this.submissions.push(submission);
    if (!this.holding) this.answer(submission);
    for (const arrived of this.#arrivals.splice(0)) arrived();
  }

  /** Of ended sessions: for tests of pipes in the background. */
  readonly dropped: SessionId[] = [];

  drop(sessionId: SessionId): void {
    this.dropped.push(sessionId);
  }

  /** Resolves when this many batches have arrived in all. */
  async arrived(count: number): Promise<void> {
    while (this.submissions.length < count) await new Promise<void>((resolve) => this.#arrivals.push(resolve));
  }

  /** Answers the operations of these places, or all of them, in parts where the values are many bytes. */
  answer({ batch, sink }: Submission, indexes?: readonly number[]): void {
    let builder = new ResultBatchBuilder();
    let isOne = indexes === undefined;
    for (const index of indexes ?? Array.from({ length: batch.count }, (_, i) => i)) {
      this.#carryOut(batch, index, builder);
      if (builder.valueBytes < limits.resultPartMaxBytes) continue;
      isOne &&= builder.count === batch.count;
      sink.deliver({ ...builder.build(isOne), errors: noErrors });
      builder = new ResultBatchBuilder();
      isOne = false;
    }
    if (builder.count > 0) sink.deliver({ ...builder.build(isOne), errors: noErrors });
  }

  #carryOut(batch: OperationBatch, index: number, builder: ResultBatchBuilder): void {
    const key = Buffer.from(keyOf(batch, index)).toString("latin1");
    const entry = this.#entries.get(key);
    const kind = kindOf(batch.operations[index] ?? 0);
    if (kind === operationKind.put) {
      this.#entries.set(key, { value: Buffer.from(valueOf(batch, index)), version: ++this.#version });
      builder.add(index, resultStatus.written, this.#version);
    } else if (kind === operationKind.delete) {
      builder.add(index, this.#entries.delete(key) ? resultStatus.deleted : resultStatus.nothingToDelete, 0);
    } else if (entry === undefined) builder.add(index, resultStatus.notFound, 0);
    else if (kind === operationKind.has) builder.add(index, resultStatus.found, entry.version);
    else builder.addValue(index, entry.version, entry.value, 0, entry.value.length);
  }
}
