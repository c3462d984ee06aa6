import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import {
  isUpdate,
  kindOf,
  operationKind,
  type OperationBatch,
  type OperationTarget,
  type ResultBatch,
  type ResultSink,
} from "../base/operation-batch.js";
import { ResultBatchBuilder } from "../base/result-batch-builder.js";
import { expectedOfBatch, expectedOfPipe, type ExpectedAnswers } from "./expected-answers.js";

export interface PipeIntakePorts {
  readonly target: OperationTarget;
  readonly clock: Clock;
  readonly sessionId: SessionId;
  /** Answers of the pipe that its client has not taken, in bytes. */
  readonly untakenBytes: () => number;
}

/** Where others wait, a turn is over after gets that are expected to take so much; each counts as if it took no less than this. */
const turnBytes = limits.pipeReplyTargetBytes / 4;
const turnBytesOfOneLeast = limits.pipeReplyTargetBytes / limits.pipeMaxGets;

/** Of a batch whose values are not known so few gets go first that the largest find room. */
const firstGets = limits.pipeReplyTargetBytes / limits.valueMaxBytes;

/** A batch of which the operations from `next` on are not submitted. */
interface WaitingBatch {
  readonly batch: OperationBatch;
  readonly sink: ResultSink;
  /** From here on there are no updates. */
  readonly queriesFrom: number;
  readonly expected: ExpectedAnswers;
  next: number;
  /** What is left of its turn. */
  leftBytes: number;
}

/**
 * Hands the batches of one pipe on, each as far as its answers will find room: what the values of the gets under way will take is
 * guessed from those before. The others wait until the client has taken answers, so that no value is read which could not be sent. A
 * guess that was too low ends at the limit of the connection, with OVERLOADED. HOT: `submit`.
 *
 * What waits goes on in its order, but batches without updates take turns, a piece each: one small get shall not wait for thousands of
 * large ones. A batch with updates neither overtakes nor is overtaken until its last update has been submitted.
 */
export class PipeIntake {
  readonly #ports: PipeIntakePorts;
  /** One batch of which updates are left, or any number of batches that have none. Empty only where nothing waits. */
  #turns: WaitingBatch[] = [];
  /** What waits for all of these; the first has updates. */
  #behind: WaitingBatch[] = [];
  /** Submitted and not answered, and what these are expected to take. */
  #gets = 0;
  #expectedBytes = 0;
  /** Of gets that did not wait. */
  readonly #expected = expectedOfPipe();
  #isSubmitting = false;
  readonly #resume = (): void => this.resume();

  constructor(ports: PipeIntakePorts) {
    this.#ports = ports;
  }

  submit(batch: OperationBatch, sink: ResultSink): void {
    const gets = getsBetween(batch, 0, batch.count);
    if (this.#turns.length === 0 && !this.#isSubmitting && (gets === 0 || gets <= this.#room(this.#expected))) {
      this.#submitPiece(batch, gets, undefined, sink, this.#expected);
      return;
    }
    const expected = expectedOfBatch(this.#expected);
    this.#enqueue({ batch, sink, queriesFrom: afterLastUpdate(batch), expected, next: 0, leftBytes: turnBytes });
    this.resume();
  }

  /** Submits what waits, as far as there is room by now. */
  resume(): void {
    if (this.#isSubmitting || this.#turns.length === 0) return;
    this.#isSubmitting = true;
    try {
      for (let first = this.#first(); first !== undefined && this.#advance(first); first = this.#first()) this.#endTurn(first);
    } finally {
      this.#isSubmitting = false;
    }
  }

  /** Forgets what waits: the pipe has ended. */
  clear(): void {
    this.#turns = [];
    this.#behind = [];
  }

  #enqueue(waiting: WaitingBatch): void {
    const first = this.#turns[0];
    const mayJoin = first === undefined || (this.#behind.length === 0 && hasQueriesOnly(first) && hasQueriesOnly(waiting));
    (mayJoin ? this.#turns : this.#behind).push(waiting);
  }

  /** The batch whose turn it is. One whose first values are on their way lets the others go on meanwhile. */
  #first(): WaitingBatch | undefined {
    const turns = this.#turns;
    for (let seen = 0; seen < turns.length; seen++) {
      const first = turns[0] as WaitingBatch;
      if (first.expected.hasLearned || first.expected.gets < firstGets) return first;
      turns.push(turns.shift() as WaitingBatch);
    }
    return undefined;
  }

  /** The first batch has been advanced. Once its turn is over what is left of it goes behind the others, unless there are updates in it. */
  #endTurn(first: WaitingBatch): void {
    const turns = this.#turns;
    // The pipe may have ended meanwhile.
    if (turns[0] !== first || !hasQueriesOnly(first)) return;
    const isDone = first.next === first.batch.count;
    if (!isDone && first.leftBytes >= turnBytesOfOne(first)) return;
    first.leftBytes = turnBytes;
    turns.shift();
    if (isDone && turns.length === 0 && this.#behind.length > 0) turns.push(this.#behind.shift() as WaitingBatch);
    if (turns[0] === undefined || hasQueriesOnly(turns[0])) {
      while (this.#behind[0] !== undefined && hasQueriesOnly(this.#behind[0])) turns.push(this.#behind.shift() as WaitingBatch);
    }
    if (!isDone) turns.push(first);
  }

  /** Gets that may be submitted now. Where nothing is under way and nothing untaken, it is at least one. */
  #room(expected: ExpectedAnswers): number {
    const untakenBytes = this.#ports.untakenBytes();
    const most = Math.floor((limits.pipeReplyTargetBytes - untakenBytes - this.#expectedBytes) / expected.bytesOfOne);
    return Math.max(Math.min(limits.pipeMaxGets - this.#gets, most), this.#gets === 0 && untakenBytes === 0 ? 1 : 0);
  }

  /** Submits the next piece of a batch; false where there is no room for any of it. */
  #advance(waiting: WaitingBatch): boolean {
    const { batch, sink, next, expected } = waiting;
    if (batch.deadlineMs <= this.#ports.clock.monotonicMs()) {
      waiting.next = batch.count;
      sink.deliver(tooLate(batch, next));
      return true;
    }
    const end = endOfPiece(batch, next, Math.min(this.#room(expected), this.#mostOfTurn(waiting)));
    if (end === next) return false;
    waiting.next = end;
    const gets = getsBetween(batch, next, end);
    waiting.leftBytes -= gets * turnBytesOfOne(waiting);
    if (end - next === batch.count) this.#submitPiece(batch, gets, undefined, sink, expected);
    else this.#submitPiece(pieceOf(batch, next, end), gets, next, sink, expected);
    return true;
  }

  #mostOfTurn(waiting: WaitingBatch): number {
    const { expected, leftBytes } = waiting;
    if (!expected.hasLearned) return firstGets - expected.gets;
    return this.#turns.length > 1 ? Math.max(1, Math.floor(leftBytes / turnBytesOfOne(waiting))) : Infinity;
  }

  /** `firstIndex`: the piece's place in its batch; undefined: it is the batch. */
  #submitPiece(piece: OperationBatch, gets: number, firstIndex: number | undefined, sink: ResultSink, expected: ExpectedAnswers): void {
    const { target, sessionId } = this.#ports;
    if (gets === 0 && firstIndex === undefined) {
      target.submit(piece, sessionId, sink);
      return;
    }
    this.#count(expected, gets);
    const deliver = (results: ResultBatch): void => {
      this.#deliver(results, piece, gets, expected);
      sink.deliver(firstIndex === undefined ? results : placed(results, firstIndex));
      // Not from inside of the target, which is in the middle of its answers.
      if (this.#turns.length > 0 && !this.#isSubmitting) queueMicrotask(this.#resume);
    };
    target.submit(piece, sessionId, sink.refusal === undefined ? { deliver } : { deliver, refusal: sink.refusal });
  }

  #deliver(results: ResultBatch, piece: OperationBatch, gets: number, expected: ExpectedAnswers): void {
    const answered = gets === piece.count ? results.count : getsAnswered(piece, results);
    this.#count(expected, -answered);
    // Those that were refused say nothing about the size of their values.
    const told = results.errors.size === 0 ? answered : answered - getsRefused(piece, results);
    if (told === 0) return;
    this.#learn(this.#expected, results.values.length, told);
    if (expected !== this.#expected) this.#learn(expected, results.values.length, told);
  }

  #count(expected: ExpectedAnswers, gets: number): void {
    this.#gets += gets;
    expected.gets += gets;
    this.#expectedBytes += gets * expected.bytesOfOne;
  }

  #learn(expected: ExpectedAnswers, valueBytes: number, gets: number): void {
    this.#expectedBytes -= expected.bytes;
    expected.learn(valueBytes, gets);
    this.#expectedBytes += expected.bytes;
  }
}

function hasQueriesOnly({ next, queriesFrom }: WaitingBatch): boolean {
  return next >= queriesFrom;
}

function afterLastUpdate({ operations, count }: OperationBatch): number {
  let end = count;
  while (end > 0 && !isUpdate(operations[end - 1] as number)) end--;
  return end;
}

function turnBytesOfOne({ expected }: WaitingBatch): number {
  return Math.max(expected.bytesOfOne, turnBytesOfOneLeast);
}

/** Where the operations from `start` on end that have at most `room` gets. */
function endOfPiece(batch: OperationBatch, start: number, room: number): number {
  if (batch.atomic) return room > 0 ? batch.count : start;
  let end = start;
  for (let gets = 0; end < batch.count; end++) if (isGet(batch, end) && ++gets > room) break;
  return end;
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
  const error = new BigMapError(
    "DEADLINE_EXCEEDED",
    "The answers of what came before were not taken until the deadline, so this was not begun",
  );
  const results = new ResultBatchBuilder(batch.count - from);
  for (let index = from; index < batch.count; index++) results.addError(index, error);
  return results.build(from === 0);
}
