import { asBuffer } from "../base/bytes.js";
import { PackedValues } from "./packed-values.js";
import { answerCopiedMaxBytes, readAnswerKind, readState, type ReadMessage, type ReadWorkerData } from "./read-protocol.js";
import { RequestTaker } from "./request-ring.js";
import type { RocksFailure } from "./rocksdb-errors.js";
import type { WorkerQueue } from "./worker-queue.js";

/**
 * The answers of one read thread, as the thread that asked takes them: in the order of the requests. An answer is copied out of the ring
 * before it is looked at, in one aligned piece; value by value, to places that are not aligned, a copy from shared memory takes three
 * times as long. HOT.
 */
export class ReadAnswers {
  readonly #state: Int32Array;
  readonly #ring: RequestTaker;
  readonly #values = new PackedValues();
  readonly #copy = Buffer.from(new ArrayBuffer(answerCopiedMaxBytes));
  /** Values that came as messages, in order. */
  readonly #posted: Uint8Array[] = [];
  /** The frame that was taken last waits for its message. */
  #isHeld = false;

  constructor({ answers, state }: ReadWorkerData) {
    this.#ring = new RequestTaker(answers);
    this.#state = state;
  }

  /**
   * Takes the thread's message. It lowers the flag, so it comes before any look at what the thread has done, here or in the ring of
   * requests: what the thread does from now on is announced again.
   */
  note(message: ReadMessage): void {
    if (message !== "answered") this.#posted.push(message);
    else Atomics.store(this.#state, readState.announced, 0);
  }

  /** Settles every request whose answer is there. */
  settle(queue: WorkerQueue<PackedValues>): void {
    while (this.#isHeld || this.#ring.take()) {
      this.#isHeld = this.#ring.kind === readAnswerKind.posted && this.#posted.length === 0;
      if (this.#isHeld) return;
      this.#settleOne(queue);
    }
  }

  #settleOne(queue: WorkerQueue<PackedValues>): void {
    const { kind, payload } = this.#ring;
    if (kind === readAnswerKind.failed) {
      const failure = JSON.parse(payload.toString()) as RocksFailure;
      this.#ring.release();
      queue.rejectNext(failure);
    } else if (kind === readAnswerKind.posted) {
      this.#ring.release();
      const posted = asBuffer(this.#posted.shift() as Uint8Array);
      this.#values.reset(posted, posted.length);
      queue.resolveNext(this.#values);
    } else {
      this.#copy.set(payload);
      this.#ring.release();
      this.#values.reset(this.#copy, payload.length);
      queue.resolveNext(this.#values);
    }
  }
}
