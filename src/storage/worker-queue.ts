import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { BigMapError } from "../base/errors.js";
import { describeRocksError, toStorageError, type RocksFailure } from "./rocksdb-errors.js";
import { refusedAfter, storageClosed } from "./storage-errors.js";

/** First message of a worker of ours: it has the database open. */
export const workerReady = "ready";

/** Who waits for an answer: one of the two is called, once. */
export interface PendingRequest<Answer> {
  resolve(answer: Answer): void;
  reject(error: BigMapError): void;
}

/**
 * A worker thread that answers requests in their order. It keeps the process alive only while a request is under way.
 * `onMessage` gets each message after `ready` and settles the oldest requests with `resolveNext` or `fail`.
 */
export class WorkerQueue<Answer> {
  readonly #worker: Worker;
  readonly #pending: PendingRequest<Answer>[] = [];
  #failure: BigMapError | undefined;
  #closing: Promise<void> | undefined;
  #onDrained: (() => void) | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Starts the worker of `script`, with `workerData` as its parameter, and waits until it is ready. */
  static async start<Answer, Message>(
    script: URL,
    name: string,
    workerData: object,
    onMessage: (queue: WorkerQueue<Answer>, message: Message) => void,
  ): Promise<WorkerQueue<Answer>> {
    // The rows themselves are outside of the heap, so little of it is enough.
    const worker = new Worker(script, { name, workerData, resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 } });
    const queue = new WorkerQueue<Answer>(worker);
    // The first message says that it is ready; an error before it is thrown here.
    await once(worker, "message");
    worker.on("message", (message: Message) => onMessage(queue, message));
    worker.on("error", (error) => queue.fail(describeRocksError(error), queue.#pending.length));
    worker.on("exit", () => queue.#exited());
    worker.unref();
    return queue;
  }

  /** A request that `send` sends. Errors: CLOSED, STORAGE_FAILED after a failure, and what the worker answers. */
  expect(send: () => void): Promise<Answer> {
    const refused = this.refusal;
    if (refused !== undefined) return Promise.reject(refused);
    return new Promise((resolve, reject) => {
      this.add({ resolve, reject });
      send();
    });
  }

  /** As `expect`, without a promise: for a request that the caller sends next, and which was not to be refused. */
  add(request: PendingRequest<Answer>): void {
    if (this.#pending.length === 0) this.#worker.ref();
    this.#pending.push(request);
  }

  /** Why no request may be sent. */
  get refusal(): BigMapError | undefined {
    if (this.#closing !== undefined) return storageClosed();
    return this.#failure === undefined ? undefined : refusedAfter(this.#failure);
  }

  post(message: object, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer);
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  resolveNext(answer: Answer): void {
    this.#pending.shift()?.resolve(answer);
    this.#settled();
  }

  rejectNext(failure: RocksFailure): void {
    this.#pending.shift()?.reject(toStorageError(failure));
    this.#settled();
  }

  /** The oldest `count` requests failed; those behind them, and all to come, are refused. */
  fail(failure: RocksFailure, count: number): void {
    this.#failure ??= toStorageError(failure);
    for (const request of this.#pending.splice(0, count)) request.reject(this.#failure);
    for (const request of this.#pending.splice(0)) request.reject(refusedAfter(this.#failure));
    this.#settled();
  }

  /** Answers the requests under way, then ends the thread. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#pending.length > 0) await new Promise<void>((resolve) => (this.#onDrained = resolve));
    await this.#worker.terminate();
  }

  #settled(): void {
    if (this.#pending.length > 0) return;
    this.#worker.unref();
    this.#onDrained?.();
  }

  /** Ended by itself: nobody knows what became of the requests that it had taken. */
  #exited(): void {
    if (this.#closing === undefined || this.#pending.length > 0) {
      this.fail({ code: "", message: "The storage thread ended unexpectedly" }, this.#pending.length);
    }
  }
}
