import type { PipeBatch } from "./pipe-batch.js";

/** How many operations and bytes are under way, against the most that may be. The last batch may overshoot it. */
export class PipeWindow {
  operations = 0;
  #bytes = 0;
  readonly #maxOperations: number;
  readonly #maxBytes: number;

  constructor(maxOperations: number, maxBytes: number) {
    this.#maxOperations = maxOperations;
    this.#maxBytes = maxBytes;
  }

  get isFull(): boolean {
    return this.operations >= this.#maxOperations || this.#bytes >= this.#maxBytes;
  }

  take(pipeBatch: PipeBatch): void {
    this.operations += pipeBatch.batch.count;
    this.#bytes += pipeBatch.sizeBytes;
  }

  give(pipeBatch: PipeBatch): void {
    this.giveOperations(pipeBatch.batch.count);
    this.giveBytes(pipeBatch.sizeBytes);
  }

  giveOperations(operations: number): void {
    this.operations -= operations;
  }

  giveBytes(bytes: number): void {
    this.#bytes -= bytes;
  }
}
