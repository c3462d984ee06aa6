import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import {
  kindOf,
  operationKind,
  type OperationBatch,
  type OperationTarget,
  type ResultBatch,
  type ResultSink,
} from "../base/operation-batch.js";
import { ResultBatchBuilder } from "../base/result-batch-builder.js";

export interface PipeIntakePorts {
  readonly target: OperationTarget;
  readonly clock: Clock;
  readonly sessionId: SessionId;
  /** Answers of the pipe that its client has not taken, in bytes. */
  readonly untakenBytes: () => number;
}

/** Until values were answered: so few gets of a new pipe go together that the largest values find room. */
const firstExpectedBytes = limits.pipeReplyTargetBytes / 64;
/** So many gets of larger values than were expected, or of smaller ones, change what is expected wholly. */
const learnedUpGets = 64;
const learnedDownGets = 256;
/** One turn's answers take away no more of it than this. */
const learnedDownMost = 1 / 4;
/** What an answer takes beside its value. */
const answerOverheadBytes = 16;

/** A batch of which the operations from `next` on are not submitted. */
interface WaitingBatch {
  readonly batch: OperationBatch;
  readonly sink: ResultSink;
  next: number;
}

/**
 * Hands the batches of one pipe on, in their order, each as far as its answers will find room: what the values of the gets under way
 * will take is guessed from those before. The others wait until the client has taken answers, so that no value is read which could not
 * be sent. A guess that was too low ends at the limit of the connection, with OVERLOADED. HOT: `submit`.
 */
export class PipeIntake {
  readonly #ports: PipeIntakePorts;
  readonly #waiting: WaitingBatch[] = [];
  /** Submitted and not answered. */
  #gets = 0;
  /** Bytes of a value, on average. */
  #expectedBytes = firstExpectedBytes;
  #hasLearned = false;
  #isSubmitting = false;
  readonly #resume = (): void => this.resume();

  constructor(ports: PipeIntakePorts) {
    this.#ports = ports;
  }

  submit(batch: OperationBatch, sink: ResultSink): void {
    const gets = getsBetween(batch, 0, batch.count);
    if (this.#waiting.length === 0 && !this.#isSubmitting && (gets === 0 || gets <= this.#room())) {
      this.#submitPiece(batch, gets, undefined, sink);
      return;
    }
    this.#waiting.push({ batch, sink, next: 0 });
    this.resume();
  }

  /** Submits what waits, as far as there is room by now. */
  resume(): void {
    if (this.#isSubmitting || this.#waiting.length === 0) return;
    this.#isSubmitting = true;
    try {
      for (let first = this.#waiting[0]; first !== undefined && this.#advance(first); first = this.#waiting[0]) {
        if (first.next === first.batch.count) this.#waiting.shift();
      }
    } finally {
      this.#isSubmitting = false;
    }
  }

  /** Forgets what waits: the pipe has ended. */
  clear(): void {
    this.#waiting.length = 0;
  }

  /** Gets that may be submitted now. Where nothing is under way and nothing untaken, it is at least one. */
  #room(): number {
    const untakenBytes = this.#ports.untakenBytes();
    const most = Math.floor((limits.pipeReplyTargetBytes - untakenBytes) / (this.#expectedBytes + answerOverheadBytes));
    return Math.max(Math.min(limits.pipeMaxGets, most) - this.#gets, this.#gets === 0 && untakenBytes === 0 ? 1 : 0);
  }

  /** Submits the next piece of a batch; false where there is no room for any of it. */
  #advance(waiting: WaitingBatch): boolean {
    const { batch, sink, next } = waiting;
    if (batch.deadlineMs <= this.#ports.clock.monotonicMs()) {
      waiting.next = batch.count;
      sink.deliver(tooLate(batch, next));
      return true;
    }
    const end = this.#endOfPiece(batch, next);
    if (end === next) return false;
    waiting.next = end;
    const gets = getsBetween(batch, next, end);
    if (end - next === batch.count) this.#submitPiece(batch, gets, undefined, sink);
    else this.#submitPiece(pieceOf(batch, next, end), gets, next, sink);
    return true;
  }

  #endOfPiece(batch: OperationBatch, start: number): number {
    let room = this.#room();
    if (batch.atomic) return room > 0 ? batch.count : start;
    let end = start;
    for (; end < batch.count; end++) if (isGet(batch, end) && --room < 0) break;
    return end;
  }

  /** `firstIndex`: the piece's place in its batch; undefined: it is the batch. */
  #submitPiece(piece: OperationBatch, gets: number, firstIndex: number | undefined, sink: ResultSink): void {
    const { target, sessionId } = this.#ports;
    this.#gets += gets;
    if (gets === 0 && firstIndex === undefined) target.submit(piece, sessionId, sink);
    else {
      const deliver = (results: ResultBatch): void => this.#deliver(results, piece, gets, firstIndex, sink);
      target.submit(piece, sessionId, sink.refusal === undefined ? { deliver } : { deliver, refusal: sink.refusal });
    }
  }

  #deliver(results: ResultBatch, piece: OperationBatch, gets: number, firstIndex: number | undefined, sink: ResultSink): void {
    const answered = gets === piece.count ? results.count : getsAnswered(piece, results);
    this.#gets -= answered;
    // Those that were refused say nothing about the size of their values.
    const told = results.errors.size === 0 ? answered : answered - getsRefused(piece, results);
    if (told > 0) this.#learn(results.values.length / told, told);
    sink.deliver(firstIndex === undefined ? results : placed(results, firstIndex));
    // Not from inside of the target, which is in the middle of its answers.
    if (this.#waiting.length > 0 && !this.#isSubmitting) queueMicrotask(this.#resume);
  }

  /** Quickly where values are larger than expected; slowly where they are smaller, as a few missing keys say little of the next values. */
  #learn(meanBytes: number, gets: number): void {
    const difference = meanBytes - this.#expectedBytes;
    if (difference <= 0) this.#expectedBytes += difference * Math.min(learnedDownMost, gets / learnedDownGets);
    else this.#expectedBytes += difference * (this.#hasLearned ? Math.min(1, gets / learnedUpGets) : 1);
    this.#hasLearned = true;
  }
}

function isGet(batch: OperationBatch, index: number): boolean {
  return kindOf(batch.operations[index] as number) === operationKind.get;
}

function getsBetween(batch: OperationBatch, start: number, end: number): number {
  let gets = 0;
  for (let i = start; i < end; i++) if (isGet(batch, i)) gets++;
  return gets;
}

function getsAnswered(batch: OperationBatch, { count, indexes }: ResultBatch): number {
  if (indexes === undefined) return getsBetween(batch, 0, count);
  let gets = 0;
  for (let i = 0; i < count; i++) if (isGet(batch, indexes[i] as number)) gets++;
  return gets;
}

function getsRefused(batch: OperationBatch, { errors, indexes }: ResultBatch): number {
  let gets = 0;
  for (const row of errors.keys()) if (isGet(batch, indexes === undefined ? row : (indexes[row] as number))) gets++;
  return gets;
}

/** Operations `start` to `end` (exclusive), as views of the same memory. */
function pieceOf(batch: OperationBatch, start: number, end: number): OperationBatch {
  const { operations, keyOffsets, valueOffsets, ifVersions } = batch;
  return {
    ...batch,
    count: end - start,
    operations: operations.subarray(start, end),
    keyOffsets: keyOffsets.subarray(start, end + 1),
    valueOffsets: valueOffsets.subarray(start, end + 1),
    ifVersions: ifVersions.subarray(start, end),
  };
}

/** The results of a piece, at their places in the batch. */
function placed(results: ResultBatch, firstIndex: number): ResultBatch {
  const { count } = results;
  const indexes = results.indexes ?? Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = 0; i < count; i++) indexes[i] = (indexes[i] as number) + firstIndex;
  return { ...results, indexes };
}

function tooLate(batch: OperationBatch, from: number): ResultBatch {
  const error = new BigMapError("DEADLINE_EXCEEDED", "The client took no answers until the deadline, so this was not begun");
  const results = new ResultBatchBuilder(batch.count - from);
  for (let index = from; index < batch.count; index++) results.addError(index, error);
  return results.build(from === 0);
}
