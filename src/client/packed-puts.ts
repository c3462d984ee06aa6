import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import { operationKind } from "../base/operation-batch.js";
import { OperationBatchBuilder, roomLike, type BatchShape } from "../base/operation-batch-builder.js";
import { encodeKey, encodeValue, type Codec } from "./codec.js";

/**
 * Entries to be written, packed as they will travel, so that an entry costs the copy of its bytes and no object: for whoever writes
 * millions. At most as many as fit into a batch: 10,000 entries and 8 MiB of keys and values. HOT: `add`.
 */
export class PackedPuts {
  #operations: OperationBatchBuilder | undefined;

  /** `room`: for how many entries, and how many bytes, memory is made at once. */
  constructor(room: BatchShape) {
    this.#operations = new OperationBatchBuilder(room);
  }

  get count(): number {
    return this.#operations?.count ?? 0;
  }

  /** Keys and values together. */
  get sizeBytes(): number {
    return this.#operations?.sizeBytes ?? 0;
  }

  /**
   * The entry whose key is `bytes[keyStart .. keyEnd)`, and whose value `bytes[valueStart .. valueEnd)`. The limits are the
   * caller's business. Errors, thrown: INVALID_ARGUMENT once `putPacked` has them.
   */
  add(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    if (this.#operations === undefined) throw handedOver();
    this.#operations.addSlices(operationKind.put, bytes, keyStart, keyEnd, valueStart, valueEnd);
  }

  /** For MapHandle, which sends them; their memory is used again afterwards. Errors, thrown: INVALID_ARGUMENT the second time. */
  take(): OperationBatchBuilder {
    const operations = this.#operations;
    if (operations === undefined) throw handedOver();
    this.#operations = undefined;
    return operations;
  }
}

function handedOver(): BigMapError {
  return new BigMapError("INVALID_ARGUMENT", "These packed puts were handed to putPacked already; fill new ones");
}

/** Packs entries of any number, each pack of at most a batch's size. Errors: those of `encodeKey` and `encodeValue`. */
export function packPuts<K, V>(entries: Iterable<readonly [K, V]>, keyCodec: Codec<K>, valueCodec: Codec<V>): OperationBatchBuilder[] {
  let pack = new OperationBatchBuilder();
  const packs = [pack];
  for (const entry of entries) {
    if (!Array.isArray(entry)) throw new BigMapError("INVALID_ARGUMENT", "An entry is an array of a key and a value");
    const [key, value] = entry as readonly [K, V];
    const encodedKey = encodeKey(keyCodec, key);
    const encodedValue = encodeValue(valueCodec, value);
    // No key takes more than its limit.
    if (pack.count >= limits.batchMaxOperations || pack.sizeBytes + encodedValue.length + limits.keyMaxBytes > limits.batchMaxBytes) {
      pack = new OperationBatchBuilder(roomLike(pack.shape));
      packs.push(pack);
    }
    pack.add(operationKind.put, encodedKey, encodedValue, 0);
  }
  return packs;
}
