import type { Clock } from "../base/clock.js";
import type { SessionId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import { isUpdate, type OperationBatch, type OperationTarget, type ResultBatch, type ResultSink } from "../base/operation-batch.js";
import { endOfPiece, getsAnswered, getsBetween, getsRefused, pieceOf, placed, tooLate } from "./batch-pieces.js";
import { expectedOfBatch, expectedOfPipe, type ExpectedAnswers } from "./expected-answers.js";
import type { SharedRoom } from "./shared-room.js";
import { hashedOperations, WaitingKeys, type HashedOperations } from "./waiting-keys.js";

export interface PipeIntakePorts {
  readonly target: OperationTarget;
  readonly clock: Clock;
  readonly sessionId: SessionId;
  /** Answers of the pipe that its client has not taken, in bytes. */
  readonly untakenBytes: () => number;
  /** Those, and the answers to gets under way, may be so many bytes by now. */
  readonly targetBytes: () => number;
  /** What the pipes of the target have under way together. */
  readonly sharedRoom: SharedRoom;
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
  readonly hasUpdates: boolean;
  readonly expected: ExpectedAnswers;
  /** Known where the keys of what waits are counted. */
  hashed: HashedOperations | undefined;
  next: number;
  /** The operations before it meet nothing that takes turns. Only of the first batch that is behind. */
  apartUntil: number;
  /** What is left of its turn. */
  leftBytes: number;
}

/**
 * Hands the batches of one pipe on, each as far as its answers will find room: what the values of the gets under way will take is
 * guessed from those before. The others wait until the client has taken answers, so that no value is read which could not be sent. A
 * guess that was too low ends at the limit of the connection, with OVERLOADED. HOT: `submit`.
 *
 * Order is kept for each key only: one small operation shall not wait for thousands of large gets. Batches that wait take turns, a
 * piece each, where they are apart: no update of one has a key of another. What is apart from all that waits and has no gets goes on at
 * once, as it needs no room. A batch that meets another stays behind it until all of its own may go on; what is behind keeps its order.
 * The keys of what waits are counted from when there are updates among them.
 */
export class PipeIntake {
  readonly #ports: PipeIntakePorts;
  /** Batches that are apart from each other. Empty only where nothing waits. */
  #turns: WaitingBatch[] = [];
  /** Each meets what takes turns or what is behind before it. */
  #behind: WaitingBatch[] = [];
  /** Whether the keys of all that waits are counted. Where they are not, one batch waits or none of them has updates. */
  #areKeysCounted = false;
  #keysOfTurns = new WaitingKeys();
  #keysBehind = new WaitingKeys();
  /** Submitted and not answered, and what these are expected to take. */
  #gets = 0;
  #expectedBytes = 0;
  /** Of gets that did not wait. */
  readonly #expected = expectedOfPipe();
  #isSubmitting = false;
  /** Whether it was the other pipes that left too little room, when it was looked for last. */
  #isShort = false;
  #isCleared = false;
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
    const waiting = newlyWaiting(batch, sink, expectedOfBatch(this.#expected));
    const isApart = this.#isApart(waiting);
    if (isApart && gets === 0 && !this.#isSubmitting) {
      this.#submitPiece(batch, gets, undefined, sink, this.#expected);
      return;
    }
    this.#enqueue(waiting, isApart);
    this.resume();
  }

  /** Submits what waits, as far as there is room by now. */
  resume(): void {
    if (this.#isSubmitting || this.#turns.length === 0) return;
    this.#isSubmitting = true;
    try {
      for (let first = this.#first(); first !== undefined && this.#advance(first); first = this.#first()) this.#endTurn(first);
      if (this.#isShort && this.#turns.length > 0) this.#ports.sharedRoom.enter(this);
    } finally {
      this.#isSubmitting = false;
    }
  }

  /** Forgets what waits: the pipe has ended. What is under way may never be answered. */
  clear(): void {
    if (!this.#isCleared) this.#ports.sharedRoom.leave(this, this.#expectedBytes);
    this.#isCleared = true;
    this.#turns = [];
    this.#behind = [];
    this.#areKeysCounted = false;
    this.#keysOfTurns = new WaitingKeys();
    this.#keysBehind = new WaitingKeys();
  }

  /** Whether the batch need not stay behind anything that waits. */
  #isApart(waiting: WaitingBatch): boolean {
    const first = this.#turns[0];
    if (first === undefined) return true;
    if (!this.#areKeysCounted) {
      if (!first.hasUpdates && !waiting.hasUpdates) return true;
      this.#areKeysCounted = true;
      for (const one of this.#turns) addKeys(this.#keysOfTurns, one);
    }
    const hashed = (waiting.hashed = hashedOperations(waiting.batch));
    const { count } = waiting.batch;
    return this.#keysOfTurns.firstMet(hashed, 0) === count && this.#keysBehind.firstMet(hashed, 0) === count;
  }

  #enqueue(waiting: WaitingBatch, isApart: boolean): void {
    (isApart ? this.#turns : this.#behind).push(waiting);
    if (this.#areKeysCounted) addKeys(isApart ? this.#keysOfTurns : this.#keysBehind, waiting);
  }

  /** Those behind that meet nothing any more take turns, in their order. What came after the first of them was apart from it. */
  #promote(): void {
    for (let first = this.#behind[0]; first !== undefined; first = this.#behind[0]) {
      const hashed = first.hashed as HashedOperations;
      first.apartUntil = this.#keysOfTurns.firstMet(hashed, first.apartUntil);
      if (first.apartUntil < first.batch.count) return;
      this.#behind.shift();
      this.#keysBehind.remove(hashed, 0, first.batch.count);
      this.#turns.push(first);
      addKeys(this.#keysOfTurns, first);
    }
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

  /** The first batch has been advanced. Once its turn is over what is left of it goes behind the others. */
  #endTurn(first: WaitingBatch): void {
    const turns = this.#turns;
    // The pipe may have ended meanwhile.
    if (turns[0] !== first) return;
    const isDone = first.next === first.batch.count;
    const isOver = isDone || first.leftBytes < turnBytesOfOne(first);
    if (isOver) turns.shift();
    this.#promote();
    if (isOver && !isDone) {
      first.leftBytes = turnBytes;
      turns.push(first);
    }
    if (turns.length === 0) this.#areKeysCounted = false;
  }

  /** Gets that may be submitted now. Where nothing is under way and nothing untaken, it is at least one. */
  #room({ bytesOfOne }: ExpectedAnswers): number {
    const { untakenBytes, targetBytes, sharedRoom } = this.#ports;
    const untaken = untakenBytes();
    const least = this.#gets === 0 && untaken === 0 ? 1 : 0;
    const most = Math.floor((targetBytes() - untaken - this.#expectedBytes) / bytesOfOne);
    const own = Math.max(Math.min(limits.pipeMaxGets - this.#gets, most), least);
    const shared = Math.max(0, Math.floor(sharedRoom.leftFor(this, this.#expectedBytes) / bytesOfOne));
    this.#isShort = shared < own;
    return this.#isShort ? Math.max(shared, least) : own;
  }

  /** Submits the next piece of a batch; false where there is no room for any of it. */
  #advance(waiting: WaitingBatch): boolean {
    const { batch, sink, next, expected } = waiting;
    if (batch.deadlineMs <= this.#ports.clock.monotonicMs()) {
      this.#begin(waiting, batch.count);
      sink.deliver(tooLate(batch, next));
      return true;
    }
    const end = endOfPiece(batch, next, Math.min(this.#room(expected), this.#mostOfTurn(waiting)));
    if (end === next) return false;
    this.#begin(waiting, end);
    const gets = getsBetween(batch, next, end);
    waiting.leftBytes -= gets * turnBytesOfOne(waiting);
    if (end - next === batch.count) this.#submitPiece(batch, gets, undefined, sink, expected);
    else this.#submitPiece(pieceOf(batch, next, end), gets, next, sink, expected);
    return true;
  }

  /** The operations before `end` do not wait any more. */
  #begin(waiting: WaitingBatch, end: number): void {
    if (waiting.hashed !== undefined) this.#keysOfTurns.remove(waiting.hashed, waiting.next, end);
    waiting.next = end;
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
    const bytes = gets * expected.bytesOfOne;
    this.#gets += gets;
    expected.gets += gets;
    this.#expectedBytes += bytes;
    if (this.#isCleared) return;
    if (bytes > 0) this.#ports.sharedRoom.take(bytes);
    else this.#ports.sharedRoom.giveAfterTurn(-bytes);
  }

  #learn(expected: ExpectedAnswers, valueBytes: number, gets: number): void {
    const before = expected.bytes;
    expected.learn(valueBytes, gets);
    const change = expected.bytes - before;
    this.#expectedBytes += change;
    if (change !== 0 && !this.#isCleared) this.#ports.sharedRoom.take(change);
  }
}

function newlyWaiting(batch: OperationBatch, sink: ResultSink, expected: ExpectedAnswers): WaitingBatch {
  const hasUpdates = batch.operations.some(isUpdate);
  return { batch, sink, hasUpdates, expected, hashed: undefined, next: 0, apartUntil: 0, leftBytes: turnBytes };
}

/** The keys of what is left of the batch. */
function addKeys(keys: WaitingKeys, waiting: WaitingBatch): void {
  waiting.hashed ??= hashedOperations(waiting.batch);
  keys.add(waiting.hashed, waiting.next, waiting.batch.count);
}

function turnBytesOfOne({ expected }: WaitingBatch): number {
  return Math.max(expected.bytesOfOne, turnBytesOfOneLeast);
}
