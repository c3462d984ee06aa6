import type { PackedKeys } from "./packed-keys.js";
import { ReadThread } from "./read-thread.js";
import type { KeyRange, ReadReceiver } from "./storage-engine.js";

/**
 * Multi-gets, and steps of scans, in threads of their own: neither a cold block nor the copying of values holds up the caller's loop,
 * and none waits behind a write. A request goes to the thread with the fewest.
 */
export class ReadThreads {
  readonly #threads: readonly ReadThread[];

  private constructor(threads: readonly ReadThread[]) {
    this.#threads = threads;
  }

  static async start(handle: bigint, threadCount: number): Promise<ReadThreads> {
    const starts = Array.from({ length: threadCount }, (_, i) => ReadThread.start(handle, `bigmap-read-${i}`));
    return new ReadThreads(await Promise.all(starts));
  }

  /** Errors: STORAGE_CORRUPT, STORAGE_FAILED, CLOSED. */
  readMany(keys: PackedKeys, valueMaxBytes: number, receiver: ReadReceiver): void {
    this.#quietest().readMany(keys, valueMaxBytes, receiver);
  }

  /** Errors: as above. */
  readRows(range: KeyRange, maxRows: number, receiver: ReadReceiver): void {
    this.#quietest().readRows(range, maxRows, receiver);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #quietest(): ReadThread {
    let quietest = this.#threads[0] as ReadThread;
    for (const thread of this.#threads) if (thread.pendingCount < quietest.pendingCount) quietest = thread;
    return quietest;
  }
}
