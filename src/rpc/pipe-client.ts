import type { ServiceError } from "@grpc/grpc-js";
import { giveBytes } from "../base/byte-pool.js";
import type { CancelTimer, Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { OperationBatch } from "../base/operation-batch.js";
import { encodePipeRequest } from "../proto/pipe-request-codec.js";
import { decodePipeResponse, type PipeAnswer } from "../proto/pipe-response-codec.js";
import { AnswerQueue } from "./answer-queue.js";
import { failureOf, type PipeStream } from "./grpc-channel.js";
import { PipeBatch, type PipeSink } from "./pipe-batch.js";
import { PipeWindow } from "./pipe-window.js";

/**
 * Life of a pipe. `connecting`: batches wait. `open`: they are sent. `closing`: one of the two ends ends it in order;
 * nothing new is accepted, what was sent is still answered. `closed`: everything is answered or lost.
 */
export type PipeState =
  | { readonly kind: "connecting" }
  | { readonly kind: "open" }
  | { readonly kind: "closing" }
  | { readonly kind: "closed"; readonly error: BigMapError | undefined };

export interface PipeClientOptions {
  readonly clock: Clock;
  /** Sent and unanswered; past either, batches wait. */
  readonly windowMaxOperations?: number;
  readonly windowMaxBytes?: number;
  /** Waiting; past either, batches are lost with OVERLOADED. */
  readonly queueMaxOperations?: number;
  readonly queueMaxBytes?: number;
  readonly onStateChange?: (state: PipeState) => void;
  /** Called when a full window has room again and nothing waits. */
  readonly onRoom?: () => void;
}

/** One part is with the callers, one on the road, one with the server; halves left both ends idle at times, quarters cost more messages. */
const handedOutParts = 3;
const handedOutFewest = 32;
/**
 * Bytes that the system has not taken: past it the next batches wait until it has taken all. Node's HTTP/2 reads nothing while it writes,
 * so with a slow link no answer would be heard before all batches have left; and those that wait are known to be not begun.
 */
const unwrittenMostBytes = 512 * 1024;
/** Where the system takes longer than this, answers are read before the next batches are written. */
const slowWriteMs = 50;
const endGraceMs = 1_000;

/**
 * One pipe to one replica. It never connects again by itself: when it is closed, whoever owns it decides about a new one.
 * Batches take effect on the server in the order in which they were submitted. HOT.
 */
export class PipeClient {
  readonly #stream: PipeStream;
  readonly #options: PipeClientOptions;
  readonly #window: PipeWindow;
  readonly #queueBudget: PipeWindow;
  readonly #sent = new Map<number, PipeBatch>();
  /** Answers that have come and are not handed out. */
  readonly #answers = new AnswerQueue();
  readonly #closed: Promise<void>;
  #resolveClosed!: () => void;
  #queue: PipeBatch[] = [];
  #queueHead = 0;
  #lastBatchId = 0;
  #wasFull = false;
  #endRequested = false;
  #cancelCutOff: CancelTimer = () => undefined;
  #isHandingOut = false;
  #unwrittenBytes = 0;
  #unwrittenSinceMs = 0;
  /** All that is unwritten has to be written first. */
  #isChoked = false;
  #state: PipeState = { kind: "connecting" };

  constructor(stream: PipeStream, options: PipeClientOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#window = new PipeWindow(options.windowMaxOperations ?? limits.pipeMaxOperations, options.windowMaxBytes ?? limits.pipeMaxBytes);
    this.#queueBudget = new PipeWindow(
      options.queueMaxOperations ?? limits.clientMaxOperations,
      options.queueMaxBytes ?? limits.clientMaxBytes,
    );
    this.#closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    stream.on("metadata", () => this.#onOpen());
    stream.on("data", (frame: Buffer) => this.#onFrame(frame));
    stream.on("error", (error: ServiceError) => this.#finish(failureOf(error)));
    stream.on("status", () => this.#finish(undefined));
  }

  get state(): PipeState {
    return this.#state;
  }

  /** Whether the next batch is sent at once. While it is false it pays to collect larger batches. */
  get hasRoom(): boolean {
    return this.#state.kind === "open" && this.#queueHead === this.#queue.length && !this.#window.isFull && !this.#isChoked;
  }

  get unansweredOperations(): number {
    return this.#window.operations;
  }

  /**
   * Sends the batch, or lets it wait for the window. Never throws: what cannot be sent is lost at once, from inside this
   * call, as never begun.
   */
  submit(batch: OperationBatch, sink: PipeSink): void {
    const pipeBatch = new PipeBatch(batch, sink);
    const refusal = this.#refusal(batch);
    if (refusal !== undefined) pipeBatch.lose(false, refusal);
    else if (batch.count > 0 && this.hasRoom) this.#send(pipeBatch);
    else if (batch.count > 0) this.#enqueue(pipeBatch);
  }

  /** Gives up what was submitted with this sink: what has not come is lost now, and answers that still come are dropped. */
  withdraw(sink: PipeSink, error: BigMapError): void {
    this.#handOut(Infinity);
    for (const pipeBatch of this.#sent.values()) if (pipeBatch.isFor(sink)) pipeBatch.lose(true, error);
    const waiting = this.#queue.slice(this.#queueHead);
    this.#queue = waiting.filter((pipeBatch) => !pipeBatch.isFor(sink));
    this.#queueHead = 0;
    for (const pipeBatch of waiting) {
      if (!pipeBatch.isFor(sink)) continue;
      this.#queueBudget.give(pipeBatch);
      pipeBatch.lose(false, error);
    }
    if (this.#endRequested) this.#endIfIdle();
  }

  /** Sends what waits, takes the answers that somebody waits for, and ends the pipe. */
  close(): Promise<void> {
    this.#endRequested = true;
    this.#endIfIdle();
    return this.#closed;
  }

  /** Cuts the pipe off: everything unanswered is lost with this error. */
  abort(error: BigMapError): void {
    this.#finish(error);
    this.#stream.cancel();
  }

  #refusal(batch: OperationBatch): BigMapError | undefined {
    const { kind } = this.#state;
    if (this.#endRequested || kind === "closing") return closedError();
    if (kind === "closed") return this.#state.error ?? closedError();
    if (batch.count > limits.batchMaxOperations || batch.keys.length + batch.values.length > limits.batchMaxBytes) {
      return new BigMapError(
        "BATCH_TOO_LARGE",
        `A batch has at most ${limits.batchMaxOperations} operations and ${limits.batchMaxBytes} bytes`,
      );
    }
    return undefined;
  }

  #enqueue(pipeBatch: PipeBatch): void {
    this.#wasFull = true;
    if (this.#queueBudget.isFull) {
      pipeBatch.lose(false, new BigMapError("OVERLOADED", "Too many operations are waiting for this connection"));
      return;
    }
    this.#queueBudget.take(pipeBatch);
    this.#queue.push(pipeBatch);
  }

  #send(pipeBatch: PipeBatch): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (pipeBatch.batch.deadlineMs <= nowMs) {
      pipeBatch.lose(false, new BigMapError("DEADLINE_EXCEEDED", "The operation was not sent before its deadline"));
      return;
    }
    const batchId = ++this.#lastBatchId;
    this.#window.take(pipeBatch);
    this.#sent.set(batchId, pipeBatch);
    const frame = encodePipeRequest(pipeBatch.batch, batchId, nowMs);
    if (this.#unwrittenBytes === 0) this.#unwrittenSinceMs = nowMs;
    this.#unwrittenBytes += frame.length;
    if (this.#unwrittenBytes > unwrittenMostBytes) this.#isChoked = true;
    this.#stream.write(frame, () => {
      // grpc-js puts it into a buffer of its own.
      giveBytes(frame);
      this.#unwrittenBytes -= frame.length;
      if (this.#isChoked && this.#unwrittenBytes === 0) this.#onWritten();
    });
  }

  #onWritten(): void {
    const isSlow = this.#options.clock.monotonicMs() - this.#unwrittenSinceMs > slowWriteMs;
    // The loop reads between two turns of its check phase.
    if (isSlow) setImmediate(() => setImmediate(() => this.#unchoke()));
    else this.#unchoke();
  }

  #unchoke(): void {
    this.#isChoked = false;
    this.#pump();
  }

  #onOpen(): void {
    if (this.#state.kind !== "connecting") return;
    this.#enter({ kind: "open" });
    this.#pump();
  }

  #onFrame(bytes: Buffer): void {
    if (this.#state.kind === "closed") return;
    try {
      const frame = decodePipeResponse(bytes);
      for (const answer of frame.answers) {
        if (answer.results.count > 0) this.#sentBatch(answer.batchId).assertAnswers(answer.results);
        this.#answers.push(answer);
      }
      if (frame.closingLastBatchId !== undefined) {
        this.#handOut(Infinity);
        this.#onClosing(frame.closingLastBatchId);
      }
    } catch (error) {
      this.abort(BigMapError.from(error));
      return;
    }
    if (!this.#isHandingOut) this.#handOutSome();
  }

  /**
   * Hands out a third of what is under way, and the rest once what the woken callers ask next has left. Else all callers of a busy
   * client would move in one convoy, and this process and the server would wait for each other in turn: 170 k gets a second in place of
   * 260 k with 256 callers. Answers to updates are handed out whole: the server was busy with the next commit meanwhile, and in parts what
   * is asked next would cost both ends more messages.
   */
  #handOutSome(): void {
    this.#handOut(Math.max(handedOutFewest, Math.ceil(this.#window.operations / handedOutParts)));
    this.#isHandingOut = !this.#answers.isEmpty;
    // What the woken callers ask has been written by then, and leaves before.
    if (this.#isHandingOut) setImmediate(() => this.#handOutSome());
    this.#pump();
  }

  /** A wrong answer cuts the pipe off, and those behind it count for nothing. */
  #handOut(most: number): void {
    try {
      for (let rest = most; rest > 0 && !this.#answers.isEmpty;) {
        const isOfUpdates = this.#answers.nextIsOfUpdates;
        const answer = this.#answers.take(isOfUpdates ? Infinity : rest);
        if (!isOfUpdates) rest -= answer.results.count;
        this.#onResults(answer);
      }
    } catch (error) {
      this.#answers.clear();
      this.abort(BigMapError.from(error));
    }
  }

  #onResults({ batchId, results }: PipeAnswer): void {
    const pipeBatch = this.#sentBatch(batchId);
    pipeBatch.deliver(results);
    this.#window.giveOperations(results.count);
    if (!pipeBatch.isAnswered) return;
    this.#sent.delete(batchId);
    this.#window.giveBytes(pipeBatch.sizeBytes);
  }

  #sentBatch(batchId: number): PipeBatch {
    const pipeBatch = this.#sent.get(batchId);
    if (pipeBatch === undefined) throw new BigMapError("FRAME_INVALID", `Batch ${batchId} is answered, but waits for nothing`);
    return pipeBatch;
  }

  /** The server ends the pipe: what it did not begin may go elsewhere at once. */
  #onClosing(lastBatchId: number): void {
    this.#enter({ kind: "closing" });
    const error = new BigMapError("SHUTTING_DOWN", "The replica ended the connection in order");
    for (const [batchId, pipeBatch] of this.#sent) {
      if (batchId <= lastBatchId) continue;
      this.#sent.delete(batchId);
      pipeBatch.lose(false, error);
    }
    this.#loseQueue(error);
    this.#stream.end();
    this.#cutOffWhenIdle();
  }

  #pump(): void {
    if (this.#state.kind !== "open") return;
    while (this.#queueHead < this.#queue.length && !this.#window.isFull && !this.#isChoked) {
      const pipeBatch = this.#queue[this.#queueHead++] as PipeBatch;
      this.#queueBudget.give(pipeBatch);
      this.#send(pipeBatch);
    }
    // A queue that is never empty must let go of what was sent.
    if (this.#queueHead > 0 && this.#queueHead * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#queueHead);
      this.#queueHead = 0;
    }
    if (this.#endRequested) this.#endIfIdle();
    else if (this.#wasFull && this.hasRoom) {
      this.#wasFull = false;
      this.#options.onRoom?.();
    }
  }

  #endIfIdle(): void {
    if (this.#queue.length > 0) return;
    if (this.#state.kind === "connecting") this.abort(closedError());
    if (this.#state.kind !== "open") return;
    this.#enter({ kind: "closing" });
    this.#stream.end();
    this.#cutOffWhenIdle();
  }

  /** A replica that hangs does not end the pipe; where nobody waits for an answer it is not waited for. */
  #cutOffWhenIdle(): void {
    this.#cancelCutOff = this.#options.clock.setTimer(endGraceMs, () => {
      for (const pipeBatch of this.#sent.values()) if (pipeBatch.isAwaited) return this.#cutOffWhenIdle();
      this.abort(closedError());
    });
  }

  #finish(error: BigMapError | undefined): void {
    if (this.#state.kind === "closed") return;
    // First closed, then the answers: what a caller asks as it is answered must not be sent on what has ended, and count as begun.
    this.#enter({ kind: "closed", error });
    this.#cancelCutOff();
    // What was answered is answered, however the pipe ends.
    this.#handOut(Infinity);
    const loss = error ?? new BigMapError("UNAVAILABLE", "The connection ended before the answer");
    const sent = [...this.#sent.values()];
    this.#sent.clear();
    for (const pipeBatch of sent) pipeBatch.lose(true, loss);
    this.#loseQueue(loss);
    this.#resolveClosed();
  }

  #loseQueue(error: BigMapError): void {
    const waiting = this.#queue.slice(this.#queueHead);
    this.#queue = [];
    this.#queueHead = 0;
    for (const pipeBatch of waiting) pipeBatch.lose(false, error);
  }

  #enter(state: PipeState): void {
    if (this.#state.kind === "closed" || this.#state.kind === state.kind) return;
    this.#state = state;
    this.#options.onStateChange?.(state);
  }
}

function closedError(): BigMapError {
  return new BigMapError("CLOSED", "The connection was closed");
}
