import { closeSync, fstatSync, openSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { logNumber } from "./log-records.js";

/** So many zeros lie ahead of RocksDB's log at most, but for the rest of a block. */
const runwayBytes = 2 ** 20;
/** Larger writes are not worth it: zeros for them take the disk as long as is saved. */
const servedWriteMostBytes = runwayBytes / 16;
/** Before so much was written and synced there are none: a store that is written without syncing syncs a few small rows at its start. */
const unservedBytes = 16 * 1024;
/** RocksDB reads its log in blocks of this size. A log that ends with a whole block never looks as if a header had been cut off. */
const logBlockBytes = 32 * 1024;
/** What a write takes in the log beside its rows, roughly. */
const recordOverheadBytes = 32;

const zeros = new Uint8Array(runwayBytes + logBlockBytes);

/**
 * Zeros that are written ahead of RocksDB's log. A log that grows makes each fsync write the file's new size, and the places of its new
 * blocks, into the file system's journal, and wait for that too: two fifths of an fsync's time. Where it overwrites zeros only the data is
 * to be written. RocksDB takes zeros behind its last record for the log's end, and cuts them off when it closes the log; it would use old
 * logs again to the same end (`recycle_log_file_num`), which the binding does not offer.
 *
 * Zeros are added behind the end of the file, which is never before the end of what RocksDB wrote, and by the one thread that writes:
 * so no record is ever overwritten. Whatever is written onto zeros must be synced before the next record: a power cut could else leave
 * zeros in the place of the one and keep the other, which RocksDB would not notice. HOT.
 */
export class LogRunway {
  readonly #folder: string;
  #isAllowed = true;
  /** The log that was last made longer, and where it then ended. */
  #log = "";
  #endBytes = 0;
  /** What is to be written before it is made longer, about. */
  #leftBytes = unservedBytes;

  /** `folder`: RocksDB's. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Call before a write of so many bytes that is synced. Never fails: without zeros the write only takes longer. */
  extendFor(writeBytes: number): void {
    this.#leftBytes -= writeBytes + recordOverheadBytes;
    if (this.#leftBytes >= 0 || writeBytes > servedWriteMostBytes || !this.#isAllowed) return;
    try {
      this.#extend();
    } catch {
      // No room, perhaps: whether there is some for the write RocksDB finds out.
      this.#isAllowed = false;
    }
  }

  /**
   * Whether a write that was not to be synced must be, as it may lie on zeros. After it there will be no more of them: who writes without
   * syncing gains nothing by them.
   */
  endsBefore(): boolean {
    this.#isAllowed = false;
    return this.isAhead();
  }

  /** Whether RocksDB's next record may lie on zeros. */
  isAhead(): boolean {
    if (this.#endBytes === 0) return false;
    const sizeBytes = statSync(this.#log, { throwIfNoEntry: false })?.size;
    return sizeBytes === this.#endBytes;
  }

  #extend(): void {
    const log = newestLog(this.#folder);
    if (log === undefined) return;
    const file = openSync(log, "r+");
    try {
      const { size } = fstatSync(file);
      const endBytes = Math.ceil((size + runwayBytes) / logBlockBytes) * logBlockBytes;
      const writtenBytes = writeSync(file, zeros, 0, endBytes - size, size);
      this.#log = log;
      this.#endBytes = size + writtenBytes;
      this.#leftBytes = writtenBytes;
    } finally {
      closeSync(file);
    }
  }
}

/** RocksDB numbers its logs and writes to the last. */
function newestLog(folder: string): string | undefined {
  let newest = -1;
  let newestName: string | undefined;
  for (const name of readdirSync(folder)) {
    const number = logNumber(name) ?? -1;
    if (number <= newest) continue;
    newest = number;
    newestName = name;
  }
  return newestName === undefined ? undefined : join(folder, newestName);
}
