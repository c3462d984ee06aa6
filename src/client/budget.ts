import { BigMapError } from "../base/errors.js";

/** Bounds what one client holds: operations that were asked and are not answered, and the bytes of their keys and values. */
export class Budget {
  readonly #maxOperations: number;
  readonly #maxBytes: number;
  #operations = 0;
  #bytes = 0;

  constructor(maxOperations: number, maxBytes: number) {
    this.#maxOperations = maxOperations;
    this.#maxBytes = maxBytes;
  }

  get operations(): number {
    return this.#operations;
  }

  /** Errors: OVERLOADED; nothing is taken then. */
  take(operations: number, bytes: number): void {
    if (this.tryTake(operations, bytes)) return;
    throw new BigMapError("OVERLOADED", `This client already has ${this.#operations} operations (${this.#bytes} bytes) waiting`);
  }

  /** False, and nothing taken, where there is no room for all of it. */
  tryTake(operations: number, bytes: number): boolean {
    if (this.#operations + operations > this.#maxOperations || this.#bytes + bytes > this.#maxBytes) return false;
    this.#operations += operations;
    this.#bytes += bytes;
    return true;
  }

  /** For operations that were let in once and are sent again. */
  takeAnyway(operations: number, bytes: number): void {
    this.#operations += operations;
    this.#bytes += bytes;
  }

  giveBack(operations: number, bytes: number): void {
    this.#operations -= operations;
    this.#bytes -= bytes;
  }
}
