import { emptyBytes } from "../base/bytes.js";
import { PackedKeys } from "./packed-keys.js";
import type { PackedValues } from "./packed-values.js";
import { ReadAnswers } from "./read-answers.js";
import { answerRingBytes, readKind, readState, type ReadMessage, type ReadWorkerData } from "./read-protocol.js";
import { RequestAppender, requestRingMemory } from "./request-ring.js";
import type { KeyRange, ReadRangeOptions, ReadReceiver } from "./storage-engine.js";
import { WorkerQueue } from "./worker-queue.js";

const requestRingBytes = 2 ** 20;
/** Larger requests are handed over, not copied. */
const requestCopiedMaxBytes = requestRingBytes / 8;

/**
 * One thread that reads. Requests and answers go through rings in shared memory, so a read makes no buffer that V8 counts, and collects
 * the whole heap for. A message is sent only when none is under way: a busy caller hears of many answers at once. HOT.
 */
export class ReadThread {
  readonly #queue: WorkerQueue<PackedValues>;
  readonly #requests: RequestAppender;
  /** Kinds of the requests that are posted, and for whose frames the ring had no room. */
  readonly #waiting: number[] = [];

  private constructor(queue: WorkerQueue<PackedValues>, requests: RequestAppender) {
    this.#queue = queue;
    this.#requests = requests;
  }

  static async start(handle: bigint, name: string): Promise<ReadThread> {
    const workerData: ReadWorkerData = {
      handle,
      requests: requestRingMemory(requestRingBytes),
      answers: requestRingMemory(answerRingBytes),
      state: new Int32Array(new SharedArrayBuffer(readState.words * Int32Array.BYTES_PER_ELEMENT)),
    };
    const answers = new ReadAnswers(workerData);
    const onMessage = (queue: WorkerQueue<PackedValues>, message: ReadMessage): void => {
      answers.note(message);
      thread.#sendWaiting();
      answers.settle(queue);
    };
    const queue = await WorkerQueue.start(new URL("./read-worker.js", import.meta.url), name, workerData, onMessage);
    const thread = new ReadThread(queue, new RequestAppender(workerData.requests));
    return thread;
  }

  get pendingCount(): number {
    return this.#queue.pendingCount;
  }

  readMany(keys: PackedKeys, valueMaxBytes: number, receiver: ReadReceiver): void {
    this.#request(readKind.keys, readKind.postedKeys, keys.bytes(valueMaxBytes), receiver);
  }

  readRows({ start, end }: KeyRange, { maxRows, maxBytes }: ReadRangeOptions, receiver: ReadReceiver): void {
    const packedMaxBytes = Buffer.allocUnsafe(4);
    packedMaxBytes.writeUInt32LE(maxBytes);
    this.#request(readKind.rows, readKind.postedRows, PackedKeys.of([start, end, packedMaxBytes]).bytes(maxRows), receiver);
  }

  /** Ends after the requests under way. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  #request(kind: number, postedKind: number, packed: Buffer, receiver: ReadReceiver): void {
    const { refusal } = this.#queue;
    if (refusal !== undefined) {
      queueMicrotask(() => receiver.reject(refusal));
      return;
    }
    this.#queue.add(receiver);
    const isCopied = packed.length <= requestCopiedMaxBytes && this.#waiting.length === 0;
    if (isCopied && this.#requests.append(kind, packed)) return;
    const posted = new Uint8Array(packed);
    this.#queue.post(posted, [posted.buffer]);
    this.#waiting.push(postedKind);
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    while (this.#waiting[0] !== undefined && this.#requests.append(this.#waiting[0], emptyBytes)) this.#waiting.shift();
  }
}
