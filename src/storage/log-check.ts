import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { logNumber, walkLog, type LogVisitor } from "./log-records.js";
import { firstReplayedLog } from "./rocksdb-manifest.js";

/** Damage in a log, with commits behind it that are lost when RocksDB opens the store. */
export interface LogDamage {
  readonly log: string;
  /** Of the first record, or part of one, that cannot be read. */
  readonly offset: number;
  readonly isZero: boolean;
  /** Whole commits that lie behind it, in later logs too. */
  readonly commits: number;
  readonly bytes: number;
  /**
   * Whether what is damaged was on the disk once, if each commit was synced before the next one was written (durability fsync): then this
   * is no power failure in the middle of a commit, and something that was acknowledged is gone.
   */
  readonly wasSynced: boolean;
}

/**
 * Looks for damage in the logs of the store in `folder` that RocksDB would not speak of: it takes the first record that is not whole for
 * the end of what was written, and drops what comes after it, in later logs too (`kPointInTimeRecovery`; the binding offers no other mode).
 * That is right for the end of a log, which a failure may tear; not where a byte in its middle is no longer what it was. A tail of zeros
 * (LogRunway), or of half a record, has nothing behind it and is no damage. Call while nobody writes. Errors: the file system's.
 */
export async function findLogDamage(folder: string): Promise<LogDamage | undefined> {
  const first = await firstReplayedLog(folder);
  const judge = new LogJudge();
  for (const { name, number } of await logsOf(folder)) {
    if (number < first) continue;
    judge.beginLog(join(folder, name));
    await walkLog(join(folder, name), judge);
  }
  return judge.damage();
}

/** Of a record's type, from its beginning. */
const typeOffset = 6;

/**
 * Makes RocksDB stop at the damage. It does so by itself except where a block is zero from a record's end on: there it would go on with
 * what lies behind. The type of a record that nobody knows makes it a record with a bad checksum.
 */
export async function endLogAt({ log, offset, isZero }: LogDamage): Promise<void> {
  if (!isZero) return;
  const file = await open(log, "r+");
  try {
    await file.write(Uint8Array.of(0xff), 0, 1, offset + typeOffset);
  } finally {
    await file.close();
  }
}

async function logsOf(folder: string): Promise<{ readonly name: string; readonly number: number }[]> {
  const names = await readdir(folder);
  const logs = names.flatMap((name) => {
    const number = logNumber(name);
    return number === undefined ? [] : [{ name, number }];
  });
  return logs.sort((one, other) => one.number - other.number);
}

/**
 * A record of a log is a batch: number of its first operation u64 LE | count of operations u32 LE | operations, each of which begins with
 * its type u8 (RocksDB's `db/write_batch.cc`, `db/dbformat.h`).
 */
const batchHeaderBytes = 12;
const rangeDeletionTypes: readonly (number | undefined)[] = [0x0e, 0x0f];

/** Follows the numbers of the operations through all logs. */
class LogJudge implements LogVisitor {
  #log = "";
  #isFirstOfLog = true;
  /** The number that the next operation has; undefined before the first. */
  #next: number | undefined;
  #gap: { readonly log: string; readonly offset: number; readonly isZero: boolean } | undefined;
  #commits = 0;
  #bytes = 0;
  #hasSyncedBehind = false;
  #wasSynced = false;

  beginLog(log: string): void {
    this.#log = log;
    this.#isFirstOfLog = true;
  }

  onGap(offset: number, isZero: boolean): void {
    this.#gap ??= { log: this.#log, offset, isZero };
  }

  onRecord(head: Buffer, sizeBytes: number): void {
    if (head.length < batchHeaderBytes) return;
    const sequence = head.readUInt32LE(0) + head.readUInt32LE(4) * 2 ** 32;
    // RocksDB goes on at a log that begins where the one before it could be read to: that one was torn, and the store opened since.
    if (this.#isFirstOfLog && this.#gap?.log !== this.#log && sequence === this.#next) this.#forgetGap();
    this.#isFirstOfLog = false;
    if (this.#gap === undefined) this.#next = sequence + head.readUInt32LE(8);
    // Lower numbers are left over from files that were here before.
    else if (this.#next === undefined || sequence >= this.#next) this.#lose(head, sizeBytes);
  }

  damage(): LogDamage | undefined {
    if (this.#gap === undefined || this.#commits === 0) return undefined;
    return { ...this.#gap, commits: this.#commits, bytes: this.#bytes, wasSynced: this.#wasSynced };
  }

  #lose(head: Buffer, sizeBytes: number): void {
    this.#commits++;
    this.#bytes += sizeBytes;
    // The commit thread writes nothing behind a commit before that is synced, and all that comes before with it. Deletions of ranges it
    // does not sync.
    this.#wasSynced ||= this.#hasSyncedBehind;
    this.#hasSyncedBehind ||= !rangeDeletionTypes.includes(head[batchHeaderBytes]);
  }

  #forgetGap(): void {
    this.#gap = undefined;
    this.#commits = 0;
    this.#bytes = 0;
    this.#hasSyncedBehind = false;
    this.#wasSynced = false;
  }
}
