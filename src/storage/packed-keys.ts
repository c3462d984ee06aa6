/**
 * The keys of one read, written one behind the other as they are gathered, so that they cross to a read thread in one copy:
 *
 *     valueMaxBytes u32 LE | for each key: length u32 LE | bytes
 *
 * Cleared and filled again, it keeps its memory. HOT.
 */
const headerBytes = 4;
const lengthBytes = 4;

export class PackedKeys {
  count = 0;
  /** Where the key that was added last begins in `memory`. */
  lastOffset = 0;
  /** Another one after an `add` or a `reserve` that found it too small. */
  memory: Buffer;
  #sizeBytes = headerBytes;

  constructor(capacityBytes = 1024) {
    this.memory = Buffer.from(new ArrayBuffer(headerBytes + capacityBytes));
  }

  static of(keys: readonly Uint8Array[]): PackedKeys {
    const packed = new PackedKeys(keys.reduce((sum, key) => sum + lengthBytes + key.length, 0));
    for (const key of keys) packed.add(key);
    return packed;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(key: Uint8Array): void {
    this.reserve(key.length).set(key, this.lastOffset);
  }

  /** Makes room for a key, whose bytes the caller writes to the returned memory from `lastOffset` on. */
  reserve(keyBytes: number): Buffer {
    const start = this.#sizeBytes + lengthBytes;
    if (start + keyBytes > this.memory.length) this.#grow(start + keyBytes);
    this.memory.writeUInt32LE(keyBytes, this.#sizeBytes);
    this.lastOffset = start;
    this.#sizeBytes = start + keyBytes;
    this.count++;
    return this.memory;
  }

  /** As it is sent: with how much of each value is wanted. Good until the next change. */
  bytes(valueMaxBytes: number): Buffer {
    this.memory.writeUInt32LE(valueMaxBytes, 0);
    return this.memory.subarray(0, this.#sizeBytes);
  }

  clear(): void {
    this.count = 0;
    this.#sizeBytes = headerBytes;
  }

  #grow(neededBytes: number): void {
    const grown = Buffer.from(new ArrayBuffer(Math.max(neededBytes, 2 * this.memory.length)));
    grown.set(this.memory.subarray(0, this.#sizeBytes));
    this.memory = grown;
  }
}

export function valueMaxBytesOf(packed: Buffer): number {
  return packed.readUInt32LE(0);
}

/** The keys, as views of the packed memory. */
export function readPackedKeys(packed: Buffer): Buffer[] {
  const keys: Buffer[] = [];
  for (let offset = headerBytes; offset < packed.length;) {
    const start = offset + lengthBytes;
    offset = start + packed.readUInt32LE(offset);
    keys.push(packed.subarray(start, offset));
  }
  return keys;
}
