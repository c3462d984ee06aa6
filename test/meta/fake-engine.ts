import assert from "node:assert/strict";
import { BigMapError, type ErrorCode } from "../../src/base/errors.js";
import type { KeyRange, RowPage, SnapshotReader, StorageEngine, StorageStatistics } from "../../src/storage/storage-engine.js";
import { readWriteBatch, type WriteBatch } from "../../src/storage/write-batch.js";

/** The part of a StorageEngine that the embedded meta store uses, over rows that outlive it, with failing writes on demand. */
export class FakeEngine implements StorageEngine {
  /** By key in hexadecimal, whose order is the order of bytes. */
  readonly rows: Map<string, Buffer>;
  /** The next write fails so; with `applied` the rows are written all the same. */
  nextFailure: { readonly code: ErrorCode; readonly applied: boolean } | undefined;
  readonly durabilities: string[] = [];
  writesUnderWay = 0;
  largestWritesUnderWay = 0;

  constructor(rows = new Map<string, Buffer>()) {
    this.rows = rows;
  }

  readMany(): void {
    assert.fail("Not needed here");
  }

  readRows(): void {
    assert.fail("Not needed here");
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return Promise.resolve(keys.map((key) => this.rows.get(Buffer.from(key).toString("hex"))));
  }

  openReader(range: KeyRange): SnapshotReader {
    const [start, end] = [range.start, range.end].map((bound) => Buffer.from(bound).toString("hex")) as [string, string];
    const found = [...this.rows].filter(([key]) => key >= start && key < end).sort(([left], [right]) => (left < right ? -1 : 1));
    return {
      next: ({ maxRows }): Promise<RowPage> => {
        const page = found.splice(0, Math.min(maxRows, 3));
        const keys = page.map(([key]) => Buffer.from(key, "hex"));
        return Promise.resolve({ keys, values: page.map(([, value]) => value), finished: found.length === 0 });
      },
      close: () => undefined,
    };
  }

  expectWrite(): void {}

  async write(batch: WriteBatch, durability: string): Promise<void> {
    const packed = Buffer.from(batch.bytes());
    const failure = this.nextFailure;
    this.nextFailure = undefined;
    this.durabilities.push(durability);
    this.largestWritesUnderWay = Math.max(this.largestWritesUnderWay, ++this.writesUnderWay);
    await new Promise((resolve) => setImmediate(resolve));
    this.writesUnderWay--;
    if (failure?.applied !== false) this.#apply(packed);
    if (failure !== undefined) throw new BigMapError(failure.code, "The write failed, as the test asked for");
  }

  async deleteRange(): Promise<void> {
    return Promise.reject(new BigMapError("UNIMPLEMENTED", "Not needed here"));
  }

  statistics(): StorageStatistics {
    return { diskBytes: 0, workBytes: 0 };
  }

  async close(): Promise<void> {
    return Promise.resolve();
  }

  #apply(packed: Buffer): void {
    const put = (key: Buffer, value: Buffer): unknown => this.rows.set(key.toString("hex"), Buffer.from(value));
    readWriteBatch(packed, put, (key) => this.rows.delete(key.toString("hex")));
  }
}
