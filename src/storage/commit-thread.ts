import type { Durability, KeyRange } from "./storage-engine.js";
import type { RocksFailure } from "./rocksdb-errors.js";
import { WorkerQueue } from "./worker-queue.js";

/** One request to the commit worker. */
export type CommitRequest = WriteRequest | KeyRange;

/** Rows packed by WriteBatch. */
export interface WriteRequest {
  readonly rows: Uint8Array;
  readonly sync: boolean;
}

/** The worker's answer: read the shared counter; or: after those counted, these many requests failed, and it stopped. */
export type CommitAnswer = "finished" | { readonly failure: RocksFailure; readonly failedCount: number };

/** Words of the memory that both threads see: how many requests are finished (wraps), and whether word of it is under way. */
export const commitState = { finished: 0, announced: 1, words: 2 } as const;

export interface CommitWorkerData {
  readonly handle: bigint;
  readonly state: Int32Array;
}

/**
 * Writes in a thread of its own, so that the caller's loop never waits for an fsync. Requests that queue up behind one
 * fsync are written together with the next. Finished requests are counted in shared memory; a message is sent only
 * when none is under way, so a busy caller hears of many requests at once.
 */
export class CommitThread {
  readonly #queue: WorkerQueue<void>;

  private constructor(queue: WorkerQueue<void>) {
    this.#queue = queue;
  }

  static async start(handle: bigint): Promise<CommitThread> {
    const state = new Int32Array(new SharedArrayBuffer(commitState.words * Int32Array.BYTES_PER_ELEMENT));
    const workerData: CommitWorkerData = { handle, state };
    let settled = 0;
    const onMessage = (queue: WorkerQueue<void>, answer: CommitAnswer): void => {
      // First lower the flag, then read the counter: a request that finishes in between is announced again.
      Atomics.store(state, commitState.announced, 0);
      const finished = Atomics.load(state, commitState.finished);
      for (; settled !== finished; settled = (settled + 1) | 0) queue.resolveNext();
      if (answer !== "finished") queue.fail(answer.failure, answer.failedCount);
    };
    const script = new URL("./commit-worker.js", import.meta.url);
    return new CommitThread(await WorkerQueue.start(script, "bigmap-commit", workerData, onMessage));
  }

  /** `rows` are packed by WriteBatch; their memory moves to the thread. */
  write(rows: Buffer, durability: Durability): Promise<void> {
    const request: CommitRequest = { rows, sync: durability === "fsync" };
    return this.#queue.request(request, [rows.buffer as ArrayBuffer]);
  }

  deleteRange(range: KeyRange): Promise<void> {
    // Copies: a view would be sent with all the memory behind it.
    const request: CommitRequest = { start: new Uint8Array(range.start), end: new Uint8Array(range.end) };
    return this.#queue.request(request, []);
  }

  /** Whether a request failed, after which all are refused. */
  get failed(): boolean {
    return this.#queue.failed;
  }

  /** Ends after the requests under way. */
  close(): Promise<void> {
    return this.#queue.close();
  }
}
