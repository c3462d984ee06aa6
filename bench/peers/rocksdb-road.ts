import type { BenchRoad } from "../../src/cli/bench/road.js";
import type { StorageEngine } from "../../src/storage/storage-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";

/** What a row costs in a batch beyond its key and value. */
const rowOverheadBytes = 32;
const firstKey = Buffer.alloc(1);
const lastKey = Buffer.alloc(1, 0xff);

/** Our storage engine by itself. */
export class RocksRoad implements BenchRoad {
  readonly name = "raw-rocksdb";
  readonly #engine: StorageEngine;

  constructor(engine: StorageEngine) {
    this.#engine = engine;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#engine.getMany([Buffer.from(key, "latin1")]))[0];
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  put(key: string, value: Uint8Array): Promise<void> {
    return this.putMany([key], [value]);
  }

  /** The store itself does not tell whether there was a row. */
  async delete(key: string): Promise<boolean> {
    const batch = new WriteBatch();
    batch.delete(Buffer.from(key, "latin1"));
    await this.#engine.write(batch, "fsync");
    return true;
  }

  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return this.#engine.getMany(keys.map((key) => Buffer.from(key, "latin1")));
  }

  putMany(keys: readonly string[], values: readonly Uint8Array[]): Promise<void> {
    const rowBytes = rowOverheadBytes + (values[0]?.length ?? 0) + (keys[0]?.length ?? 0);
    const batch = new WriteBatch(keys.length * rowBytes);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      const value = values[i] as Uint8Array;
      const buffer = batch.reservePut(key.length, value.length);
      buffer.write(key, batch.lastOffset, "latin1");
      buffer.set(value, batch.lastOffset + key.length);
    }
    return this.#engine.write(batch, "fsync");
  }

  async scan(limit: number): Promise<number> {
    const reader = this.#engine.openReader({ start: firstKey, end: lastKey });
    try {
      return (await reader.next({ maxRows: limit, maxBytes: Number.MAX_SAFE_INTEGER })).keys.length;
    } finally {
      reader.close();
    }
  }

  /** The engine belongs to whoever opened it. */
  async close(): Promise<void> {}
}
