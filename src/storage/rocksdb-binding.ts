/**
 * The one place that knows the native module. `@nxtedition/rocksdb` (RocksDB 9.7) ships no types; what is used of it is
 * declared here, the methods with an underscore too: they are the ones that neither encode nor copy a second time.
 *
 * What its source says and the engine relies on:
 * - A batch is written inline, on the calling thread; `_getManySync` and `querySync` read so. `_nextvAsync` runs on the libuv pool.
 * - `_getManyAsync` is not used: a checksum error in it surfaces as an uncaught exception and never calls back.
 * - The option `unsafe` of both, which spares the copy of a value, is not used: until it is collected the value pins its
 *   block, and RocksDB aborts the process when it closes over one that is pinned.
 * - `handle` is the address of the open database; another thread opens it with `new RocksLevel(handle)`, must stop
 *   using it before the owner closes, and must not close it itself.
 * - A batch object is registered with its database until that closes: make few.
 * - Closing an iterator while its `_nextvAsync` runs, or using anything after `close`, would read freed memory.
 */
import { createRequire } from "node:module";

/** Options of an open database; sizes in bytes. */
export interface RocksOpenOptions {
  readonly compaction: "level";
  readonly compression: boolean;
  readonly walCompression: boolean;
  /** At most 2^32 - 1. */
  readonly cacheSize: number;
  readonly cacheIndexAndFilterBlocks: boolean;
  readonly memtableMemoryBudget: number;
  /** Bloom filters for the write buffers, and a hash index in each block: for single keys. Also takes ribbon filters, see filterPolicy. */
  readonly optimize: "point-lookup";
  /** As RocksDB's FilterPolicy::CreateFromString reads it; after `optimize`. */
  readonly filterPolicy: string;
}

export interface RocksBatch {
  _put(key: Uint8Array, value: Uint8Array): void;
  _del(key: Uint8Array): void;
  _writeSync(options: { readonly sync: boolean }): void;
  /** Empties the batch for the next use. */
  _clear(): void;
}

/** Key, value, key, value, ...; without `values` each value is undefined. */
export interface RocksRows {
  readonly rows: readonly (Buffer | undefined)[];
  readonly finished: boolean;
}

export interface RocksIterator {
  _nextvAsync(maxRows: number, options: object, callback: (error: Error | null, rows: RocksRows) => void): void;
  close(): Promise<void>;
}

export interface RocksIteratorOptions {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
  readonly keyEncoding: "buffer";
  readonly valueEncoding: "buffer";
  readonly values: boolean;
  /** A call of `_nextvAsync` or `querySync` ends after the row with which it has read more than this. */
  readonly highWaterMarkBytes: number;
}

export interface RocksQueryOptions extends RocksIteratorOptions {
  /** At most so many rows; with as many the answer is `finished` too. */
  readonly limit: number;
}

export interface RocksReadOptions {
  readonly valueEncoding?: "buffer";
  readonly fillCache?: boolean;
}

export interface RocksDatabase {
  readonly handle: bigint;
  open(options?: object): Promise<void>;
  close(): Promise<void>;
  iterator(options: RocksIteratorOptions): RocksIterator;
  getProperty(name: string): string;
  _chainedBatch(): RocksBatch;
  /** `fillCache` false: what it reads does not enter the block cache. Buffers are what it gives by itself. */
  _getManySync(keys: readonly Uint8Array[], options: RocksReadOptions): (Buffer | undefined)[];
  /** The first rows of a range as they are at one moment, with an iterator that is gone when the call returns. */
  querySync(options: RocksQueryOptions): RocksRows;
  /**
   * Without a limit: one RocksDB DeleteRange, logged but not synced; done inside the call, told in the next tick. `gte`
   * must be below `lt`.
   */
  _clear(options: { readonly gte: Uint8Array; readonly lt: Uint8Array }, callback: (error: Error | null) => void): void;
}

type RocksConstructor = new (locationOrHandle: string | bigint, options?: RocksOpenOptions) => RocksDatabase;

const { RocksLevel } = createRequire(import.meta.url)("@nxtedition/rocksdb") as { readonly RocksLevel: RocksConstructor };

/** Errors: those of RocksDB as they come; `toStorageError` translates them. */
export async function openRocks(folder: string, options: RocksOpenOptions): Promise<RocksDatabase> {
  const database = new RocksLevel(folder, options);
  await database.open();
  return database;
}

/** A database that this process has open in another thread. */
export async function shareRocks(handle: bigint): Promise<RocksDatabase> {
  const database = new RocksLevel(handle);
  await database.open({ createIfMissing: false });
  return database;
}
