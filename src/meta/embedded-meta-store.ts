import { crc32 } from "node:zlib";
import { asBuffer, emptyBytes } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { systemKey, systemKeyRange, systemKind } from "../storage/key-layout.js";
import type { StorageEngine } from "../storage/storage-engine.js";
import { WriteBatch } from "../storage/write-batch.js";
import type { MetaChange, MetaCommit, MetaRecord, MetaStore, MetaTransaction } from "./meta-store.js";
import { MetaTable } from "./meta-table.js";
import { WatchHub } from "./watch-hub.js";

/**
 * The MetaStore on the replica's own StorageEngine, for an installation of one replica. All records are in main memory;
 * a commit is one write batch with fsync. Rows (see `storage/key-layout.ts`):
 *
 *     'M' | record key  ->  revision u48 | check u32 | record bytes
 *     'M'               ->  revision u48 | check u32                 the counter, so that no revision is given twice
 *
 * `check` is the CRC-32 of the row's key, revision and record bytes. The engine stays the property of who opened it.
 */
export class EmbeddedMetaStore implements MetaStore {
  readonly #engine: StorageEngine;
  readonly #table: MetaTable;
  readonly #hub: WatchHub;
  /** Ends with the last commit that was asked for: commits run one after the other. */
  #lastCommit: Promise<unknown> = Promise.resolve();
  #failure: BigMapError | undefined;

  private constructor(engine: StorageEngine, table: MetaTable) {
    this.#engine = engine;
    this.#table = table;
    this.#hub = new WatchHub(table);
  }

  /** Errors: STORAGE_CORRUPT where a row is damaged or the counter is missing. */
  static async open(engine: StorageEngine): Promise<EmbeddedMetaStore> {
    return new EmbeddedMetaStore(engine, await loadTable(engine));
  }

  async get(key: string): Promise<MetaRecord | undefined> {
    this.#assertUsable();
    return Promise.resolve(this.#table.get(key));
  }

  async list(prefix: string): Promise<{ readonly records: readonly MetaRecord[]; readonly revision: number }> {
    this.#assertUsable();
    return Promise.resolve({ records: this.#table.list(prefix), revision: this.#table.revision });
  }

  async commit(transaction: MetaTransaction): Promise<MetaCommit> {
    this.#assertUsable();
    // The caller may reuse its byte arrays as soon as this call has returned.
    const own = { ...transaction, puts: transaction.puts.map(({ key, value }) => ({ key, value: Uint8Array.from(value) })) };
    const commit = this.#lastCommit.then(() => this.#commitNext(own));
    this.#lastCommit = commit.catch(() => undefined);
    return commit;
  }

  watch(prefix: string, afterRevision: number, onChange: (change: MetaChange) => void): () => void {
    this.#assertUsable();
    return this.#hub.watch(prefix, afterRevision, onChange);
  }

  /** Ends after the commits under way. */
  async close(): Promise<void> {
    this.#hub.close();
    this.#failure ??= new BigMapError("CLOSED", "The meta store is closed");
    await this.#lastCommit;
  }

  async #commitNext(transaction: MetaTransaction): Promise<MetaCommit> {
    this.#assertUsable();
    const change = this.#table.changeOf(transaction);
    if (!this.#table.holds(transaction.compares)) return { committed: false, revision: this.#table.revision };
    if (change !== undefined) {
      await this.#write(change);
      this.#table.apply(change);
      this.#hub.publish(change);
    }
    return { committed: true, revision: this.#table.revision };
  }

  async #write(change: MetaChange): Promise<void> {
    try {
      await this.#engine.write(batchOf(change), "fsync");
    } catch (cause) {
      throw this.#failedWrite(cause);
    }
  }

  /**
   * A write that the engine refused (a full disk, or after a failure) is known not to have happened, and reads go on.
   * Any other failure leaves open what is on disk, until the folder is opened anew.
   */
  #failedWrite(cause: unknown): BigMapError {
    if (cause instanceof BigMapError && cause.retry !== "outcome unknown") return cause;
    const message = `A write of meta records failed: ${BigMapError.from(cause).message}`;
    this.#failure ??= new BigMapError("STORAGE_FAILED", message, { cause });
    return new BigMapError("OUTCOME_UNKNOWN", message, { cause });
  }

  #assertUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

const rowHeaderBytes = 10;
const counterKey = systemKey(systemKind.meta, emptyBytes);

function batchOf(change: MetaChange): WriteBatch {
  const batch = new WriteBatch();
  for (const { key, value } of change.puts) putRow(batch, rowKey(key), change.revision, value);
  for (const key of change.deletes) batch.delete(rowKey(key));
  putRow(batch, counterKey, change.revision, emptyBytes);
  return batch;
}

function rowKey(key: string): Buffer {
  return systemKey(systemKind.meta, Buffer.from(key, "utf8"));
}

function putRow(batch: WriteBatch, key: Buffer, revision: number, value: Uint8Array): void {
  const row = Buffer.allocUnsafe(rowHeaderBytes + value.length);
  row.writeUIntBE(revision, 0, 6);
  row.set(value, rowHeaderBytes);
  row.writeUInt32BE(checkOf(key, row), 6);
  batch.put(key, row);
}

function checkOf(key: Uint8Array, row: Uint8Array): number {
  return crc32(row.subarray(rowHeaderBytes), crc32(row.subarray(0, 6), crc32(key)));
}

async function loadTable(engine: StorageEngine): Promise<MetaTable> {
  const table = new MetaTable();
  const reader = engine.openReader(systemKeyRange(systemKind.meta));
  try {
    for (let finished = false; !finished;) {
      const page = await reader.next({ maxRows: 1_000, maxBytes: 1_048_576 });
      page.keys.forEach((key, i) => restoreRow(table, key, page.values[i] ?? emptyBytes));
      finished = page.finished;
    }
  } finally {
    reader.close();
  }
  return table;
}

/** The counter's row is the first, for its key is a prefix of all the others. */
function restoreRow(table: MetaTable, key: Uint8Array, stored: Uint8Array): void {
  const row = asBuffer(stored);
  const name = asBuffer(key).toString("utf8", counterKey.length);
  if (row.length < rowHeaderBytes || row.readUInt32BE(6) !== checkOf(key, row)) {
    throw new BigMapError("STORAGE_CORRUPT", `The stored meta record "${name}" is damaged`);
  }
  const revision = row.readUIntBE(0, 6);
  if (key.length === counterKey.length) {
    table.restoreRevision(revision);
  } else if (revision > table.revision) {
    throw new BigMapError("STORAGE_CORRUPT", `The stored meta record "${name}" is newer than the counter of revisions`);
  } else {
    table.restore({ key: name, value: Uint8Array.from(row.subarray(rowHeaderBytes)), revision });
  }
}
