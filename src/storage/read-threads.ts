import { packValues, unpackValues } from "./packed-values.js";
import type { RocksFailure } from "./rocksdb-errors.js";
import { WorkerQueue } from "./worker-queue.js";

export interface ReadWorkerData {
  readonly handle: bigint;
}

/** A read worker's request is packed keys; its answer packed values, or why there are none. */
export type ReadRequest = Uint8Array;
export type ReadAnswer = Uint8Array | RocksFailure;

type Values = (Uint8Array | undefined)[];

/**
 * Multi-gets in threads of their own: neither a cold block nor the copying of values holds up the caller's loop, and
 * none waits behind a write. A request goes to the thread with the fewest.
 */
export class ReadThreads {
  readonly #queues: readonly WorkerQueue<Values>[];

  private constructor(queues: readonly WorkerQueue<Values>[]) {
    this.#queues = queues;
  }

  static async start(handle: bigint, threadCount: number): Promise<ReadThreads> {
    const workerData: ReadWorkerData = { handle };
    const script = new URL("./read-worker.js", import.meta.url);
    const starts = Array.from({ length: threadCount }, (_, i) => WorkerQueue.start(script, `bigmap-read-${i}`, workerData, settleRead));
    return new ReadThreads(await Promise.all(starts));
  }

  /** The values are views of one piece of memory. Errors: STORAGE_CORRUPT, STORAGE_FAILED, CLOSED. */
  getMany(keys: readonly Uint8Array[]): Promise<Values> {
    const packed = packValues(keys);
    const quietest = this.#queues.reduce((best, queue) => (queue.pendingCount < best.pendingCount ? queue : best));
    return quietest.request(packed satisfies ReadRequest, [packed.buffer as ArrayBuffer]);
  }

  async close(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()));
  }
}

function settleRead(queue: WorkerQueue<Values>, answer: ReadAnswer): void {
  if (answer instanceof Uint8Array) queue.resolveNext(unpackValues(answer));
  else queue.rejectNext(answer);
}
