/**
 * The port to the disk: an ordered store of byte strings. `memory-engine.ts` and `rocksdb-engine.ts` pass the same suite
 * (`test/storage/conformance.ts`).
 */
import type { BigMapError } from "../base/errors.js";
import type { PackedKeys } from "./packed-keys.js";
import type { PackedValues } from "./packed-values.js";
import type { WriteBatch } from "./write-batch.js";

/** "fsync": durable against loss of power when the promise resolves. "os": durable against loss of the process only. */
export type Durability = "fsync" | "os";

/** Keys from `start` (inclusive) to `end` (exclusive), in the order of unsigned bytes. */
export interface KeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

export interface ReadRangeOptions {
  /** Stops after this many rows. */
  readonly maxRows: number;
  /** Stops after the row with which what is read of the rows, keys and values together, reaches this. */
  readonly maxBytes: number;
}

/** What a reader reads of each row. */
export type RowPart = "rows" | "keys";

export interface RowPage {
  /** Rows in key order. */
  readonly keys: readonly Uint8Array[];
  /** None where the reader reads keys. */
  readonly values: readonly Uint8Array[];
  /** True where the range has no more rows after these. */
  readonly finished: boolean;
}

/**
 * A reader over a range that sees the store as it was when the reader was made, whatever is written later. Must be
 * closed; closing twice does nothing.
 */
export interface SnapshotReader {
  /** The next rows. One call at a time. */
  next(options: ReadRangeOptions): Promise<RowPage>;
  close(): void;
}

export interface StorageStatistics {
  /** Bytes on disk (0 for the memory engine). */
  readonly diskBytes: number;
  /** Further room on disk that the engine may need for what is written already: to flush and to compact it (0 for the memory engine). */
  readonly workBytes: number;
}

/** Who asked for a read: one of the two is called, once, and never before the call that asked has returned. */
export interface ReadReceiver {
  /** The values in the order of the keys. They, and the memory in which they lie, are good until this returns. */
  resolve(values: PackedValues): void;
  reject(error: BigMapError): void;
}

/**
 * All errors are BigMapError: STORAGE_FAILED (the disk), STORAGE_CORRUPT (a damaged file), CLOSED. Reads see what was
 * written by every `write` that resolved before they began. Byte arrays handed in may be reused by the caller when the
 * call has returned (`readMany`, `getMany`, `readRows`, `openReader`, `deleteRange`); `write` empties the batch, which
 * may be filled anew at once. Byte arrays handed out are the caller's; those of one call may be views of one piece of
 * memory, so copy what is kept for long.
 */
export interface StorageEngine {
  /**
   * Reads the values of the keys, of each at most the first `valueMaxBytes` (`wholeValues`: all). Runs off the caller's
   * thread and never waits behind a write. Reads may be answered in another order than they were asked for.
   */
  readMany(keys: PackedKeys, valueMaxBytes: number, receiver: ReadReceiver): void;

  /** As `readMany`, with a promise and a view for each value, undefined where there is none: for who reads now and then. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;

  /**
   * Reads the first rows of the range, all as they are at one moment, keys and values in turn; says with them whether they are its last.
   * Ends as the options say, and nowhere else before the range does: so it takes the memory of `maxBytes` and of one row more, twice
   * while the rows are on their way. Else as `readMany`.
   */
  readRows(range: KeyRange, options: ReadRangeOptions, receiver: ReadReceiver): void;

  /**
   * A reader at the present state; made in this very turn. Where it reads "keys" the disk is read as for whole rows, and no value is
   * copied: bound the rows of a step by what their values may weigh.
   */
  openReader(range: KeyRange, part?: RowPart): SnapshotReader;

  /** A write will come within microseconds: what would have to wake up for it may do so meanwhile. Costs little where none comes. */
  expectWrite(): void;

  /**
   * Applies the batch in one atomic step. Batches are applied in the order of the calls; several may be under way.
   * After a failed write every later one is refused (STORAGE_FAILED, advice "permanent", certainly not applied): what is
   * on disk is known again only after a new open. Errors of the first: DISK_FULL (nothing of it was applied),
   * STORAGE_FAILED (outcome unknown).
   */
  write(batch: WriteBatch, durability: Durability): Promise<void>;

  /**
   * Deletes every row of the range, without reading them. Not atomic with other writes: applied after every write that
   * was called before; durable with the next write of durability "fsync". Idempotent.
   */
  deleteRange(range: KeyRange): Promise<void>;

  statistics(): StorageStatistics;

  /** Ends after the writes under way. Later calls fail with CLOSED. Closing twice is the same as once. */
  close(): Promise<void>;
}
