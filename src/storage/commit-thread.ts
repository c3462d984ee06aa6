import { availableParallelism } from "node:os";
import { emptyBytes } from "../base/bytes.js";
import { RequestAppender, requestRingMemory } from "./request-ring.js";
import type { RocksFailure } from "./rocksdb-errors.js";
import type { Durability, KeyRange } from "./storage-engine.js";
import { WorkerQueue } from "./worker-queue.js";
import type { WriteBatch } from "./write-batch.js";

/**
 * Kinds of requests in the ring. `rows…`: packed rows (WriteBatch); `posted…`: the rows are the next message of the port;
 * `deleteRange`: bytes of the range's start u32 LE | start | end.
 */
export const commitKind = { rowsOs: 1, rowsFsync: 2, postedOs: 3, postedFsync: 4, deleteRange: 5 } as const;

/** The worker's answer: read the shared counter; or: after those counted, these many requests failed, and it stopped. */
export type CommitAnswer = "finished" | { readonly failure: RocksFailure; readonly failedCount: number };

/** Words of the memory that both threads see: how many requests are finished (wraps), and whether word of it is under way. */
export const commitState = { finished: 0, announced: 1, words: 2 } as const;

export interface CommitWorkerData {
  readonly handle: bigint;
  /** RocksDB's. */
  readonly folder: string;
  readonly ring: SharedArrayBuffer;
  readonly state: Int32Array;
}

const hasSeveralProcessors = availableParallelism() > 1;
const ringBytes = 8 * 2 ** 20;
/** Larger batches are handed over, not copied. */
const copiedMaxBytes = ringBytes / 8;

interface WaitingRequest {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/**
 * Writes in a thread of its own, so that the caller's loop never waits for an fsync. Requests go through a ring in shared
 * memory; those that queue up behind one fsync are written together with the next. Finished requests are counted in shared
 * memory; a message is sent only when none is under way, so a busy caller hears of many requests at once. HOT.
 */
export class CommitThread {
  readonly #queue: WorkerQueue<void>;
  readonly #ring: RequestAppender;
  /** Requests for which the ring had no room, in order. */
  #waiting: WaitingRequest[] = [];

  private constructor(queue: WorkerQueue<void>, ring: RequestAppender) {
    this.#queue = queue;
    this.#ring = ring;
  }

  static async start(handle: bigint, folder: string): Promise<CommitThread> {
    const state = new Int32Array(new SharedArrayBuffer(commitState.words * Int32Array.BYTES_PER_ELEMENT));
    const ring = requestRingMemory(ringBytes);
    const workerData: CommitWorkerData = { handle, folder, ring, state };
    let settled = 0;
    const onMessage = (queue: WorkerQueue<void>, answer: CommitAnswer): void => {
      // First lower the flag, then read the counter: a request that finishes in between is announced again.
      Atomics.store(state, commitState.announced, 0);
      const finished = Atomics.load(state, commitState.finished);
      thread.#sendWaiting();
      for (; settled !== finished; settled = (settled + 1) | 0) queue.resolveNext();
      if (answer !== "finished") queue.fail(answer.failure, answer.failedCount);
    };
    const script = new URL("./commit-worker.js", import.meta.url);
    const thread = new CommitThread(await WorkerQueue.start(script, "bigmap-commit", workerData, onMessage), new RequestAppender(ring));
    return thread;
  }

  /** Takes the rows out of the batch, which may be filled again at once. */
  write(batch: WriteBatch, durability: Durability): Promise<void> {
    return this.#queue.expect(() => {
      const isFsync = durability === "fsync";
      const isCopied = batch.sizeBytes <= copiedMaxBytes && this.#waiting.length === 0;
      if (isCopied && this.#ring.append(isFsync ? commitKind.rowsFsync : commitKind.rowsOs, batch.bytes())) {
        batch.clear();
        return;
      }
      const rows = batch.take();
      this.#queue.post(rows, [rows.buffer]);
      this.#send(isFsync ? commitKind.postedFsync : commitKind.postedOs, emptyBytes);
    });
  }

  /**
   * Wakes the thread, which looks out for a request then: a sleeping thread takes some 50 µs to wake up. Not on a single processor, where
   * it would only be in the way of the thread that makes the request.
   */
  expectWrite(): void {
    if (hasSeveralProcessors) this.#ring.wake();
  }

  deleteRange(range: KeyRange): Promise<void> {
    const payload = Buffer.allocUnsafe(4 + range.start.length + range.end.length);
    payload.writeUInt32LE(range.start.length, 0);
    payload.set(range.start, 4);
    payload.set(range.end, 4 + range.start.length);
    return this.#queue.expect(() => this.#send(commitKind.deleteRange, payload));
  }

  /** Whether a request failed, after which all are refused. */
  get failed(): boolean {
    return this.#queue.failed;
  }

  /** Ends after the requests under way. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  #send(kind: number, payload: Uint8Array): void {
    if (this.#waiting.length > 0 || !this.#ring.append(kind, payload)) this.#waiting.push({ kind, payload });
  }

  #sendWaiting(): void {
    if (this.#waiting.length === 0) return;
    const sent = this.#waiting.findIndex(({ kind, payload }) => !this.#ring.append(kind, payload));
    this.#waiting = sent < 0 ? [] : this.#waiting.slice(sent);
  }
}
