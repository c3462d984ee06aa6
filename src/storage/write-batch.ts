import { asBuffer } from "../base/bytes.js";

/**
 * Puts and deletes that are applied in one atomic step, packed so that a batch crosses to another thread as one buffer:
 *
 *     row:  kind 1 B (1 put, 2 delete) | keyBytes u32 LE | valueBytes u32 LE | key | value
 *
 * A later row wins over an earlier one with the same key. `StorageEngine.write` takes the rows out; then the batch can be filled
 * anew, and keeps its memory where it could. HOT.
 */
export class WriteBatch {
  count = 0;
  sizeBytes = 0;
  #buffer: Buffer<ArrayBuffer>;
  readonly #initialBytes: number;

  constructor(initialBytes = 4096) {
    this.#initialBytes = initialBytes;
    this.#buffer = ownMemory(initialBytes);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const offset = this.#row(rowKind.put, key, value.length);
    this.#buffer.set(value, offset);
  }

  delete(key: Uint8Array): void {
    this.#row(rowKind.delete, key, 0);
  }

  /**
   * Reserves a put whose bytes the caller fills in: returns the buffer and, through `lastOffset`, where the key begins
   * (the value follows it). Good until the next call.
   */
  reservePut(keyBytes: number, valueBytes: number): Buffer {
    const start = this.#header(rowKind.put, keyBytes, valueBytes);
    this.lastOffset = start;
    return this.#buffer;
  }
  lastOffset = 0;

  /** As `reservePut`, for a delete. */
  reserveDelete(keyBytes: number): Buffer {
    this.lastOffset = this.#header(rowKind.delete, keyBytes, 0);
    return this.#buffer;
  }

  /** The memory of the rows; good until the next call. */
  get memory(): Buffer {
    return this.#buffer;
  }

  /** The packed rows; good until the next call. */
  bytes(): Buffer<ArrayBuffer> {
    return this.#buffer.subarray(0, this.sizeBytes);
  }

  /** The packed rows, with their memory: the batch is empty afterwards. */
  take(): Buffer<ArrayBuffer> {
    const bytes = this.bytes();
    this.#buffer = ownMemory(this.#initialBytes);
    this.clear();
    return bytes;
  }

  /** Forgets the rows and keeps the memory. */
  clear(): void {
    this.count = 0;
    this.sizeBytes = 0;
  }

  #row(kind: number, key: Uint8Array, valueBytes: number): number {
    const offset = this.#header(kind, key.length, valueBytes);
    this.#buffer.set(key, offset);
    return offset + key.length;
  }

  #header(kind: number, keyBytes: number, valueBytes: number): number {
    const offset = this.sizeBytes;
    const end = offset + rowHeaderBytes + keyBytes + valueBytes;
    if (end > this.#buffer.length) this.#grow(end);
    const buffer = this.#buffer;
    buffer[offset] = kind;
    buffer.writeUInt32LE(keyBytes, offset + 1);
    buffer.writeUInt32LE(valueBytes, offset + 5);
    this.sizeBytes = end;
    this.count++;
    return offset + rowHeaderBytes;
  }

  #grow(neededBytes: number): void {
    const wider = ownMemory(Math.max(neededBytes, this.#buffer.length * 2));
    this.#buffer.copy(wider, 0, 0, this.sizeBytes);
    this.#buffer = wider;
  }
}

/** Not from Buffer's pool: the memory may be transferred to another thread. */
function ownMemory(sizeBytes: number): Buffer<ArrayBuffer> {
  return Buffer.from(new ArrayBuffer(sizeBytes));
}

export const rowKind = { put: 1, delete: 2 } as const;
export const rowHeaderBytes = 9;

/** Calls back for each row of a packed batch, in order. */
export function readWriteBatch(packed: Uint8Array, onPut: (key: Buffer, value: Buffer) => void, onDelete: (key: Buffer) => void): void {
  const buffer = asBuffer(packed);
  for (let offset = 0; offset < buffer.length;) {
    const kind = buffer[offset];
    const keyEnd = offset + rowHeaderBytes + buffer.readUInt32LE(offset + 1);
    const valueEnd = keyEnd + buffer.readUInt32LE(offset + 5);
    const key = buffer.subarray(offset + rowHeaderBytes, keyEnd);
    if (kind === rowKind.put) onPut(key, buffer.subarray(keyEnd, valueEnd));
    else onDelete(key);
    offset = valueEnd;
  }
}
