import { availableParallelism } from "node:os";
import { compareBytes } from "../base/bytes.js";
import { yieldInCompactions } from "./background-threads.js";
import { CommitThread } from "./commit-thread.js";
import { PackedKeys } from "./packed-keys.js";
import { noRows, wholeValues, type PackedValues } from "./packed-values.js";
import { ReadThreads } from "./read-threads.js";
import { readStepMaxBytes } from "./read-steps.js";
import { openRocks, type RocksDatabase, type RocksOpenOptions } from "./rocksdb-binding.js";
import { describeRocksError, toOpenError, toStorageError } from "./rocksdb-errors.js";
import { RocksReader } from "./rocksdb-reader.js";
import type {
  Durability,
  KeyRange,
  ReadRangeOptions,
  ReadReceiver,
  RowPart,
  SnapshotReader,
  StorageEngine,
  StorageStatistics,
} from "./storage-engine.js";
import { storageClosed } from "./storage-errors.js";
import type { WriteBatch } from "./write-batch.js";

export interface RocksEngineOptions {
  /** Main memory for RocksDB's write buffers and block cache together. */
  readonly memoryBytes: number;
  /** How much of it is for write buffers, which take up to half as much again where flushes fall behind; by default a quarter. */
  readonly writeBufferShare?: number;
  /** Threads that read, two at least: scans leave one of them to gets. By default one a core, 4 at most. */
  readonly readThreads?: number;
}

const mibBytes = 2 ** 20;

/** More would only make flushes and restarts longer. */
export const writeBuffersMostBytes = 256 * mibBytes;

/** RocksDB makes table files of an eighth of the write buffers: of less a large store would have too many. */
const writeBuffersFewestBytes = 32 * mibBytes;

const blockCacheFewestBytes = 8 * mibBytes;
/** Its size is 32 bits wide. */
export const blockCacheMostBytes = 2 ** 32 - 1;

/** Less memory than this the engine does not keep to. */
export const engineFewestBytes = writeBuffersFewestBytes + blockCacheFewestBytes;

/**
 * A compaction writes its result beside its input: at most 25 table files (RocksDB's default), each an eighth of the write
 * buffers' budget.
 */
const compactionPerBudget = 25 / 8;

/** Opens (or creates) the store in `folder`. Errors: DATA_DIR_IN_USE, STORAGE_CORRUPT, DISK_FULL, STORAGE_FAILED. */
export async function openRocksEngine(folder: string, options: RocksEngineOptions): Promise<StorageEngine> {
  try {
    const opened = rocksOptions(options);
    const database = await openRocks(folder, opened);
    yieldInCompactions();
    return await startThreads(
      database,
      folder,
      opened.memtableMemoryBudget * compactionPerBudget,
      options.readThreads ?? Math.min(4, availableParallelism()),
    );
  } catch (error) {
    throw toOpenError(describeRocksError(error));
  }
}

async function startThreads(
  database: RocksDatabase,
  folder: string,
  compactionMaxBytes: number,
  readThreads: number,
): Promise<StorageEngine> {
  try {
    const [commits, reads] = await Promise.all([
      CommitThread.start(database.handle, folder),
      ReadThreads.start(database.handle, readThreads),
    ]);
    return new RocksEngine(database, compactionMaxBytes, commits, reads);
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** How the engine opens RocksDB with this budget. */
export function rocksOptions({ memoryBytes, writeBufferShare = 0.25 }: RocksEngineOptions): RocksOpenOptions {
  // A quarter of the write buffers' memory fills while two quarters are flushed. The cache gets the rest.
  const memtableMemoryBudget = Math.min(
    writeBuffersMostBytes,
    Math.max(writeBuffersFewestBytes, Math.floor(memoryBytes * writeBufferShare)),
  );
  const cacheSize = Math.min(blockCacheMostBytes, Math.max(blockCacheFewestBytes, memoryBytes - memtableMemoryBudget));
  return {
    // Brings ZSTD from level 2 on: 300 MB of text took 140 MB, and levels 0 and 1, which are rewritten soon, cost no time.
    compaction: "level",
    // True would add a trained dictionary per file: 8 % less space, but compaction took three times as long.
    compression: false,
    walCompression: false,
    cacheSize: Math.floor(cacheSize),
    // Index and filter blocks grow with the data; inside the cache they count against its size.
    cacheIndexAndFilterBlocks: true,
    memtableMemoryBudget,
    // Before a key is written for the first time its absence is looked up, in every write buffer: without filters there
    // that took two fifths of a fill's time.
    optimize: "point-lookup",
    // Ribbon filters, which that brings, are a third smaller and take several times as long to make.
    filterPolicy: "bloomfilter:10",
  };
}

/**
 * StorageEngine on RocksDB. Four kinds of threads share one database: the caller's makes iterators, the commit thread
 * writes, read threads multi-get and read the rows of scans, the libuv pool steps iterators. `close` ends them in the
 * order in which they would otherwise use freed memory.
 */
class RocksEngine implements StorageEngine {
  readonly #database: RocksDatabase;
  readonly #compactionMaxBytes: number;
  readonly #commits: CommitThread;
  readonly #reads: ReadThreads;
  readonly #readers = new Set<RocksReader>();
  #closing: Promise<void> | undefined;

  constructor(database: RocksDatabase, compactionMaxBytes: number, commits: CommitThread, reads: ReadThreads) {
    this.#database = database;
    this.#compactionMaxBytes = compactionMaxBytes;
    this.#commits = commits;
    this.#reads = reads;
  }

  readMany(keys: PackedKeys, valueMaxBytes: number, receiver: ReadReceiver): void {
    if (this.#closing === undefined) this.#reads.readMany(keys, valueMaxBytes, receiver);
    else queueMicrotask(() => receiver.reject(storageClosed()));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    if (this.#closing !== undefined) throw storageClosed();
    if (keys.length === 0) return [];
    return new Promise((resolve, reject) => {
      this.#reads.readMany(PackedKeys.of(keys), wholeValues, { resolve: (values: PackedValues) => resolve(values.copy()), reject });
    });
  }

  readRows(range: KeyRange, options: ReadRangeOptions, receiver: ReadReceiver): void {
    if (this.#closing !== undefined) queueMicrotask(() => receiver.reject(storageClosed()));
    else if (compareBytes(range.start, range.end) >= 0) queueMicrotask(() => receiver.resolve(noRows()));
    else this.#reads.readRows(range, options, receiver);
  }

  openReader(range: KeyRange, part?: RowPart): SnapshotReader {
    if (this.#closing !== undefined) throw storageClosed();
    const reader = new RocksReader(this.#openIterator(range, part), (closed) => this.#readers.delete(closed));
    // Held here, so that a reader that is forgotten is closed with the engine and not by the garbage collector.
    this.#readers.add(reader);
    return reader;
  }

  expectWrite(): void {
    this.#commits.expectWrite();
  }

  async write(batch: WriteBatch, durability: Durability): Promise<void> {
    if (this.#closing !== undefined) throw storageClosed();
    return this.#commits.write(batch, durability);
  }

  async deleteRange(range: KeyRange): Promise<void> {
    if (this.#closing !== undefined) throw storageClosed();
    if (compareBytes(range.start, range.end) < 0) return this.#commits.deleteRange(range);
  }

  statistics(): StorageStatistics {
    if (this.#closing !== undefined) throw storageClosed();
    // Rows that are not in a table file yet are in the write buffers, and in the log as often as there.
    const unflushedBytes = this.#property("rocksdb.cur-size-all-mem-tables");
    const tableBytes = this.#property("rocksdb.total-sst-files-size");
    return { diskBytes: tableBytes + unflushedBytes, workBytes: unflushedBytes + Math.min(tableBytes, this.#compactionMaxBytes) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([this.#commits.close(), this.#reads.close(), ...[...this.#readers].map((reader) => reader.end())]);
    try {
      await this.#database.close();
    } catch (error) {
      // After a failed write RocksDB complains again when it closes its log; who wrote has been told.
      if (!this.#commits.failed) throw toStorageError(describeRocksError(error));
    }
  }

  #openIterator(range: KeyRange, part: RowPart = "rows"): ReturnType<RocksDatabase["iterator"]> | undefined {
    if (compareBytes(range.start, range.end) >= 0) return undefined;
    try {
      return this.#database.iterator({
        gte: range.start,
        lt: range.end,
        keyEncoding: "buffer",
        valueEncoding: "buffer",
        values: part === "rows",
        highWaterMarkBytes: readStepMaxBytes,
      });
    } catch (error) {
      throw toStorageError(describeRocksError(error));
    }
  }

  #property(name: string): number {
    return Number(this.#database.getProperty(name));
  }
}
