import { BigMapError } from "../base/errors.js";
import { MemoryRows, rowsFrom, seekRow, type RowsView } from "./memory-rows.js";
import type { Durability, KeyRange } from "./storage-engine.js";
import { readWriteBatch } from "./write-batch.js";

/** "disk-full": nothing of the batch is kept. "fsync": the batch may have reached the disk; only a crash will tell. */
export type WriteFault = "disk-full" | "fsync";

type Change = { readonly rows: Uint8Array } | { readonly range: KeyRange };

/**
 * What is left of a memory engine when its process ends. Rows written with durability "fsync", and all before them,
 * survive a crash; those after the last such write are lost, except as many as the test says. For tests and simulators.
 */
export class MemoryDisk {
  #rows = new MemoryRows();
  #durable: RowsView = [];
  /** Applied since the last fsync; with a failed fsync, its batch too. */
  #unsynced: Change[] = [];
  #nextFault: WriteFault | undefined;
  #held: Promise<void> | undefined;
  /** Grows with each crash: an engine opened before it is dead. */
  crashCount = 0;

  get rows(): MemoryRows {
    return this.#rows;
  }

  /** Writes wait from now on until the returned function is called. */
  hold(): () => void {
    let release = (): void => undefined;
    this.#held = new Promise((resolve) => (release = resolve));
    return () => {
      this.#held = undefined;
      release();
    };
  }

  async untilReleased(): Promise<void> {
    await this.#held;
  }

  /** The next write fails this way. */
  failNextWrite(fault: WriteFault): void {
    this.#nextFault = fault;
  }

  /** Ends every engine on this disk; of the changes since the last fsync the first `survivorCount` are kept. */
  crash(survivorCount = 0): void {
    const survivors = this.#unsynced.slice(0, survivorCount);
    this.crashCount++;
    this.#nextFault = undefined;
    this.#rows = new MemoryRows(this.#durable);
    for (const change of survivors) apply(this.#rows, change);
    this.sync();
  }

  /** Makes all that was applied durable. */
  sync(): void {
    this.#durable = this.#rows.view();
    this.#unsynced = [];
  }

  /** Errors: DISK_FULL, STORAGE_FAILED, where a test asked for them. */
  write(rows: Uint8Array, durability: Durability): void {
    this.#failIfAsked(rows);
    this.#change({ rows });
    if (durability === "fsync") this.sync();
  }

  deleteRange(range: KeyRange): void {
    this.#change({ range });
  }

  #change(change: Change): void {
    apply(this.#rows, change);
    this.#unsynced.push(change);
  }

  #failIfAsked(rows: Uint8Array): void {
    const fault = this.#nextFault;
    this.#nextFault = undefined;
    if (fault === undefined) return;
    if (fault === "disk-full") throw new BigMapError("DISK_FULL", "The memory disk was told to be full");
    this.#unsynced.push({ rows });
    throw new BigMapError("STORAGE_FAILED", "The memory disk was told to fail an fsync");
  }
}

function apply(target: MemoryRows, change: Change): void {
  if ("range" in change) {
    const { start, end } = change.range;
    const view = target.view();
    for (const row of rowsFrom(view, seekRow(view, start), end)) target.delete(row.key);
    return;
  }
  readWriteBatch(
    change.rows,
    (key, value) => target.put(key, value),
    (key) => target.delete(key),
  );
}
