import { assert, BigMapError } from "../base/errors.js";
import { MemoryDisk } from "./memory-disk.js";
import { rowsFrom, seekRow, type Row, type RowsView } from "./memory-rows.js";
import { readPackedKeys, type PackedKeys } from "./packed-keys.js";
import { packedRows, PackedValues, packValues } from "./packed-values.js";
import { RowPageBuilder } from "./row-page-builder.js";
import type {
  Durability,
  KeyRange,
  ReadRangeOptions,
  ReadReceiver,
  RowPage,
  RowPart,
  SnapshotReader,
  StorageEngine,
  StorageStatistics,
} from "./storage-engine.js";
import { refusedAfter, storageClosed } from "./storage-errors.js";
import type { WriteBatch } from "./write-batch.js";

/**
 * StorageEngine in main memory, on a MemoryDisk that outlives it: for tests, simulators and maps that need not last.
 * After `disk.crash()` every call fails with STORAGE_FAILED, as in a process that is gone nothing is answered.
 */
export class MemoryEngine implements StorageEngine {
  readonly #disk: MemoryDisk;
  readonly #crashCount: number;
  /** Ends when all changes called so far have. */
  #lastChange: Promise<void> = Promise.resolve();
  #failure: BigMapError | undefined;
  #closing: Promise<void> | undefined;

  constructor(disk: MemoryDisk = new MemoryDisk()) {
    this.#disk = disk;
    this.#crashCount = disk.crashCount;
  }

  readMany(keys: PackedKeys, valueMaxBytes: number, receiver: ReadReceiver): void {
    try {
      this.#assertOpen();
    } catch (error) {
      queueMicrotask(() => receiver.reject(BigMapError.from(error)));
      return;
    }
    const found = readPackedKeys(keys.bytes(valueMaxBytes)).map((key) => this.#disk.rows.get(key));
    const packed = packValues(found, valueMaxBytes);
    const values = new PackedValues();
    values.reset(packed, packed.length);
    queueMicrotask(() => receiver.resolve(values));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#assertOpen();
    // Copies: the caller may change what it was given.
    return keys.map((key) => copyOf(this.#disk.rows.get(key)));
  }

  readRows(range: KeyRange, { maxRows, maxBytes }: ReadRangeOptions, receiver: ReadReceiver): void {
    try {
      this.#assertOpen();
    } catch (error) {
      queueMicrotask(() => receiver.reject(BigMapError.from(error)));
      return;
    }
    const found: Uint8Array[] = [];
    let foundBytes = 0;
    const view = this.#disk.rows.view();
    const rows = rowsFrom(view, seekRow(view, range.start), range.end);
    let row = rows.next();
    for (; row.done !== true && found.length < 2 * maxRows && foundBytes < maxBytes; row = rows.next()) {
      const { key, value } = row.value;
      found.push(key, value);
      foundBytes += key.length + value.length;
    }
    const packed = packedRows(found, row.done === true);
    queueMicrotask(() => receiver.resolve(packed));
  }

  openReader(range: KeyRange, part: RowPart = "rows"): SnapshotReader {
    this.#assertOpen();
    return new MemoryReader(this.#disk.rows.view(), range, part, () => this.#assertOpen());
  }

  expectWrite(): void {
    // Nothing of it sleeps.
  }

  write(batch: WriteBatch, durability: Durability): Promise<void> {
    const rows = batch.take();
    return this.#enqueue(() => this.#disk.write(rows, durability));
  }

  deleteRange(range: KeyRange): Promise<void> {
    const own = { start: new Uint8Array(range.start), end: new Uint8Array(range.end) };
    return this.#enqueue(() => this.#disk.deleteRange(own));
  }

  statistics(): StorageStatistics {
    this.#assertOpen();
    return { diskBytes: 0, workBytes: 0 };
  }

  close(): Promise<void> {
    this.#closing ??= this.#lastChange.then(() => {
      if (this.#disk.crashCount === this.#crashCount) this.#disk.sync();
    });
    return this.#closing;
  }

  async #enqueue(change: () => void): Promise<void> {
    this.#assertOpen();
    const turn = this.#lastChange.then(() => this.#apply(change));
    this.#lastChange = turn.catch(() => undefined);
    return turn;
  }

  async #apply(change: () => void): Promise<void> {
    await this.#disk.untilReleased();
    this.#assertAlive();
    if (this.#failure !== undefined) throw refusedAfter(this.#failure);
    try {
      change();
    } catch (error) {
      this.#failure = BigMapError.from(error);
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw storageClosed();
    this.#assertAlive();
  }

  #assertAlive(): void {
    if (this.#disk.crashCount !== this.#crashCount) throw new BigMapError("STORAGE_FAILED", "The memory disk crashed under this engine");
  }
}

class MemoryReader implements SnapshotReader {
  readonly #rows: Generator<Row, void>;
  readonly #part: RowPart;
  readonly #assertOpen: () => void;
  #following: IteratorResult<Row, void> | undefined;
  #reading = false;
  #closed = false;

  constructor(view: RowsView, range: KeyRange, part: RowPart, assertOpen: () => void) {
    this.#rows = rowsFrom(view, seekRow(view, range.start), new Uint8Array(range.end));
    this.#part = part;
    this.#assertOpen = assertOpen;
  }

  async next(options: ReadRangeOptions): Promise<RowPage> {
    this.#assertOpen();
    if (this.#closed) throw storageClosed();
    assert(!this.#reading, "one call of next at a time");
    this.#reading = true;
    // An answer never comes in the turn of the question, as on a real disk.
    await Promise.resolve();
    this.#reading = false;
    return this.#readPage(new RowPageBuilder(options));
  }

  close(): void {
    this.#closed = true;
  }

  #readPage(page: RowPageBuilder): RowPage {
    let following = (this.#following ??= this.#rows.next());
    for (; following.done !== true && !page.full; following = this.#rows.next()) {
      const { key, value } = following.value;
      page.add(Buffer.from(key), this.#part === "rows" ? Buffer.from(value) : undefined);
    }
    this.#following = following;
    return page.build(following.done === true);
  }
}

function copyOf(value: Uint8Array | undefined): Buffer | undefined {
  return value === undefined ? undefined : Buffer.from(value);
}
