import type { PackedKeys } from "./packed-keys.js";
import type { PackedValues } from "./packed-values.js";
import { ReadThread } from "./read-thread.js";
import type { KeyRange, ReadRangeOptions, ReadReceiver } from "./storage-engine.js";

/** With fewer, scans and gets could not have a thread each. */
const threadsFewest = 2;

/** What is asked of a thread. */
export type ReadingThread = Pick<ReadThread, "pendingCount" | "readMany" | "readRows" | "close">;

interface SharedThread {
  readonly thread: ReadingThread;
  /** Reads of rows that are under way. */
  rowReads: number;
}

/**
 * Multi-gets, and pages of scans, in threads of their own: neither a cold block nor the copying of values holds up the caller's loop,
 * and none waits behind a write. A read of rows may pass over any number of deleted ones, in one step that nothing cuts short: such
 * reads never go to the last thread, and a multi-get goes to a thread that has none. Among several, to that with the fewest requests.
 */
export class ReadThreads {
  readonly #threads: readonly SharedThread[];

  /** Two threads at least. */
  constructor(threads: readonly ReadingThread[]) {
    this.#threads = threads.map((thread) => ({ thread, rowReads: 0 }));
  }

  static async start(handle: bigint, threadCount: number): Promise<ReadThreads> {
    const starts = Array.from({ length: Math.max(threadsFewest, threadCount) }, (_, i) => ReadThread.start(handle, `bigmap-read-${i}`));
    return new ReadThreads(await Promise.all(starts));
  }

  /** Errors: STORAGE_CORRUPT, STORAGE_FAILED, CLOSED. */
  readMany(keys: PackedKeys, valueMaxBytes: number, receiver: ReadReceiver): void {
    let quietest = this.#threads.at(-1) as SharedThread;
    for (const shared of this.#threads) if (shared.rowReads === 0) quietest = quieter(quietest, shared);
    quietest.thread.readMany(keys, valueMaxBytes, receiver);
  }

  /** Errors: as above. */
  readRows(range: KeyRange, options: ReadRangeOptions, receiver: ReadReceiver): void {
    let quietest = this.#threads[0] as SharedThread;
    for (let i = 1; i < this.#threads.length - 1; i++) quietest = quieter(quietest, this.#threads[i] as SharedThread);
    quietest.rowReads++;
    quietest.thread.readRows(range, options, new RowsReceiver(quietest, receiver));
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ thread }) => thread.close()));
  }
}

function quieter(left: SharedThread, right: SharedThread): SharedThread {
  return right.thread.pendingCount < left.thread.pendingCount ? right : left;
}

/** Notes when a read of rows has ended. */
class RowsReceiver implements ReadReceiver {
  constructor(
    private readonly shared: SharedThread,
    private readonly receiver: ReadReceiver,
  ) {}

  resolve(rows: PackedValues): void {
    this.shared.rowReads--;
    this.receiver.resolve(rows);
  }

  reject(error: Parameters<ReadReceiver["reject"]>[0]): void {
    this.shared.rowReads--;
    this.receiver.reject(error);
  }
}
