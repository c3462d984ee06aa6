import { isUpdate, type OperationBatch } from "../base/operation-batch.js";
import { murmur3 } from "../ring/token.js";

/** The operations of a batch with the hashes of their keys. */
export interface HashedOperations {
  readonly operations: Uint8Array;
  /** Signed, as small integers make no garbage. */
  readonly hashes: Int32Array;
}

/** The map is left out, and two keys may have one hash: both only keep an order that nobody asked for. */
export function hashedOperations({ operations, keys, keyOffsets, count }: OperationBatch): HashedOperations {
  const hashes = new Int32Array(count);
  for (let i = 0; i < count; i++) hashes[i] = murmur3(keys, keyOffsets[i] as number, keyOffsets[i + 1] as number, 0);
  return { operations, hashes };
}

/** Counts the keys of operations that wait. HOT. */
export class WaitingKeys {
  readonly #queries = new Map<number, number>();
  readonly #updates = new Map<number, number>();

  /** Adds operations `start` to `end` (exclusive). */
  add({ operations, hashes }: HashedOperations, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      const counts = isUpdate(operations[i] as number) ? this.#updates : this.#queries;
      const hash = hashes[i] as number;
      counts.set(hash, (counts.get(hash) ?? 0) + 1);
    }
  }

  /** Takes away operations `start` to `end` (exclusive), which were added. */
  remove({ operations, hashes }: HashedOperations, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      const counts = isUpdate(operations[i] as number) ? this.#updates : this.#queries;
      const hash = hashes[i] as number;
      const count = counts.get(hash) as number;
      if (count === 1) counts.delete(hash);
      else counts.set(hash, count - 1);
    }
  }

  /**
   * The first operation from `start` on that must stay behind one that waits: an update behind all of its key, a query behind the
   * updates. The number of operations where there is none.
   */
  firstMet({ operations, hashes }: HashedOperations, start: number): number {
    for (let i = start; i < hashes.length; i++) {
      const hash = hashes[i] as number;
      if (this.#updates.has(hash) || (isUpdate(operations[i] as number) && this.#queries.has(hash))) return i;
    }
    return hashes.length;
  }
}
