import { assert } from "../base/errors.js";
import { readStepMaxRows } from "./read-steps.js";
import type { RocksIterator, RocksRows } from "./rocksdb-binding.js";
import { describeRocksError, toStorageError } from "./rocksdb-errors.js";
import { RowPageBuilder } from "./row-page-builder.js";
import type { ReadRangeOptions, RowPage, SnapshotReader } from "./storage-engine.js";
import { storageClosed } from "./storage-errors.js";

/**
 * Reads an iterator in steps off the caller's thread and cuts exact pages out of them. The native iterator must not be
 * closed while a step runs: `close` then takes effect at its end.
 */
export class RocksReader implements SnapshotReader {
  readonly #iterator: RocksIterator | undefined;
  readonly #onClosed: (reader: RocksReader) => void;
  /** Key, value, key, value: read already and not yet handed out from `#position` on. */
  #rows: RocksRows["rows"] = [];
  #position = 0;
  #exhausted: boolean;
  #reading = false;
  #ending: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  /** `iterator` is undefined where the range is empty. */
  constructor(iterator: RocksIterator | undefined, onClosed: (reader: RocksReader) => void) {
    this.#iterator = iterator;
    this.#onClosed = onClosed;
    this.#exhausted = iterator === undefined;
  }

  async next(options: ReadRangeOptions): Promise<RowPage> {
    if (this.#ending !== undefined) throw storageClosed();
    assert(!this.#reading, "one call of next at a time");
    this.#reading = true;
    try {
      return await this.#readPage(options);
    } finally {
      this.#reading = false;
      this.#onIdle?.();
    }
  }

  close(): void {
    void this.end();
  }

  /** Closes, and resolves when the native iterator is closed. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    if (this.#reading) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#rows = [];
    await this.#iterator?.close();
    this.#onClosed(this);
  }

  async #readPage(options: ReadRangeOptions): Promise<RowPage> {
    const page = new RowPageBuilder(options);
    // One row more than asked for, to know whether the page is the last.
    while (!this.#fill(page) && !this.#exhausted) await this.#step(Math.min(readStepMaxRows, options.maxRows - page.rowCount + 1));
    return page.build(this.#exhausted && this.#position === this.#rows.length);
  }

  /** Moves rows into the page; true where it is full and a row is left over. */
  #fill(page: RowPageBuilder): boolean {
    while (this.#position < this.#rows.length) {
      if (page.full) return true;
      page.add(this.#rows[this.#position] as Buffer, this.#rows[this.#position + 1]);
      this.#position += 2;
    }
    return false;
  }

  async #step(maxRows: number): Promise<void> {
    const { rows, finished } = await this.#readRows(maxRows);
    if (this.#ending !== undefined) throw storageClosed();
    this.#rows = rows;
    this.#position = 0;
    this.#exhausted = finished;
  }

  #readRows(maxRows: number): Promise<RocksRows> {
    return new Promise((resolve, reject) => {
      this.#iterator?._nextvAsync(maxRows, {}, (error, result) => {
        if (error === null) resolve(result);
        else reject(toStorageError(describeRocksError(error)));
      });
    });
  }
}
