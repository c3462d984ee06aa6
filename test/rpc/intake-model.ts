/** A pipe's intake before a target that keeps nothing, but watches in which order operations come and that each is answered once. */
import assert from "node:assert/strict";
import {
  isUpdate,
  keyOf,
  kindOf,
  noErrors,
  operationKind,
  resultStatus,
  type OperationBatch,
  type OperationTarget,
  type ResultBatch,
  type ResultSink,
} from "../../src/base/operation-batch.js";
import { limits } from "../../src/base/limits.js";
import { OperationBatchBuilder } from "../../src/base/operation-batch-builder.js";
import { PipeIntake } from "../../src/rpc/pipe-intake.js";
import { SharedRoom } from "../../src/rpc/shared-room.js";
import { ManualClock } from "../client/manual-clock.js";

export interface AskedBatch {
  readonly map: string;
  readonly operations: readonly { readonly kind: number; readonly key: string }[];
  readonly atomic: boolean;
  readonly expires: boolean;
}

/** One operation that was asked. */
interface Asked {
  readonly batchNumber: number;
  readonly isUpdate: boolean;
  /** Submitted, or refused unsubmitted. */
  isOver: boolean;
  answers: number;
}

interface Submission {
  readonly piece: OperationBatch;
  readonly sink: ResultSink;
  answered: number;
}

/** Values are only measured, so all of them are of the same memory. */
const valueBytes = new Uint8Array(128 * limits.valueMaxBytes);

export class IntakeModel {
  readonly clock = new ManualClock();
  /** While not set, the target answers from inside of `submit`. */
  isHolding = true;
  /** Operations that were submitted before one of another batch that was asked earlier. */
  overtaken = 0;
  readonly #intake: PipeIntake;
  readonly #ofBatch = new Map<Uint8Array, { readonly batch: OperationBatch; readonly asked: readonly Asked[] }>();
  readonly #ofKey = new Map<string, Asked[]>();
  #submissions: Submission[] = [];
  #untakenBytes = 0;
  #latestBatch = 0;

  constructor() {
    const target: OperationTarget = { submit: (piece, _, sink) => this.#onSubmit(piece, sink) };
    this.#intake = new PipeIntake({
      target,
      clock: this.clock,
      sessionId: 1,
      untakenBytes: () => this.#untakenBytes,
      targetBytes: () => limits.pipeReplyTargetBytes,
      sharedRoom: new SharedRoom(),
    });
  }

  ask({ map, operations, atomic, expires }: AskedBatch): void {
    const builder = new OperationBatchBuilder();
    const batchNumber = this.#ofBatch.size;
    const asked = operations.map(({ kind, key }) => {
      builder.add(kind, key, undefined, 0);
      const one = { batchNumber, isUpdate: isUpdate(kind), isOver: false, answers: 0 };
      const name = `${map} ${key}`;
      this.#ofKey.set(name, [...(this.#ofKey.get(name) ?? []), one]);
      return one;
    });
    const batch = builder.build(map, { atomic, deadlineMs: expires ? this.clock.monotonicMs() + 1_000 : Infinity });
    this.#ofBatch.set(batch.keys, { batch, asked });
    this.#intake.submit(batch, { deliver: (results) => onDeliver(asked, results) });
  }

  /** Answers a submission, or so many of its operations. */
  answer(which: number, part: number | undefined): void {
    const submission = this.#submissions[which % this.#submissions.length];
    if (submission === undefined) return;
    const left = submission.piece.count - submission.answered;
    const count = part === undefined ? left : Math.min(left, part + 1);
    if (count === left) this.#submissions = this.#submissions.filter((one) => one !== submission);
    this.#answer(submission, count);
  }

  setUntaken(bytes: number): void {
    this.#untakenBytes = bytes;
    this.#intake.resume();
  }

  /** The client takes everything, and the target answers everything. */
  async finish(): Promise<void> {
    this.isHolding = true;
    this.setUntaken(0);
    while (this.#submissions.length > 0) {
      this.answer(0, undefined);
      await Promise.resolve();
    }
    for (const asked of this.#ofKey.values()) for (const { answers } of asked) assert.equal(answers, 1, "each operation is answered once");
  }

  #onSubmit(piece: OperationBatch, sink: ResultSink): void {
    const { batch, asked } = this.#ofBatch.get(piece.keys) ?? assert.fail("a piece is of a batch that was asked");
    const start = (piece.keyOffsets.byteOffset - batch.keyOffsets.byteOffset) / piece.keyOffsets.BYTES_PER_ELEMENT;
    if (batch.atomic) assert.equal(piece.count, batch.count, "an atomic batch is whole");
    for (let i = 0; i < piece.count; i++) this.#begin(asked[start + i] as Asked, `${batch.map} ${Buffer.from(keyOf(piece, i)).toString()}`);
    const submission = { piece, sink, answered: 0 };
    if (this.isHolding) this.#submissions.push(submission);
    else this.#answer(submission, piece.count);
  }

  #begin(one: Asked, name: string): void {
    assert.ok(!one.isOver, "each operation is submitted once");
    one.isOver = true;
    if (one.batchNumber < this.#latestBatch) this.overtaken++;
    this.#latestBatch = Math.max(this.#latestBatch, one.batchNumber);
    for (const before of this.#ofKey.get(name) ?? []) {
      if (before === one) return;
      if (one.isUpdate || before.isUpdate) assert.ok(before.isOver, "operations of one key keep their order");
    }
  }

  #answer(submission: Submission, count: number): void {
    const { piece, sink, answered } = submission;
    submission.answered += count;
    const valueOffsets = new Uint32Array(count + 1);
    for (let row = 0; row < count; row++) valueOffsets[row + 1] = (valueOffsets[row] as number) + sizeOf(piece, answered + row);
    sink.deliver({
      count,
      indexes: count === piece.count ? undefined : Uint32Array.from({ length: count }, (_, row) => answered + row),
      statuses: new Uint8Array(count).fill(resultStatus.found),
      versions: new Float64Array(count),
      values: valueBytes.subarray(0, valueOffsets[count]),
      valueOffsets,
      errors: noErrors,
    });
  }
}

function onDeliver(asked: readonly Asked[], results: ResultBatch): void {
  for (let row = 0; row < results.count; row++) {
    const one = asked[results.indexes?.[row] ?? row] as Asked;
    one.answers++;
    assert.equal(one.answers, 1, "each operation is answered once");
    if (results.errors.has(row)) one.isOver = true;
  }
}

/** The answer's value, in bytes. */
function sizeOf(piece: OperationBatch, index: number): number {
  if (kindOf(piece.operations[index] as number) !== operationKind.get) return 0;
  return Buffer.from(keyOf(piece, index)).toString().startsWith("Large") ? limits.valueMaxBytes : 8;
}
