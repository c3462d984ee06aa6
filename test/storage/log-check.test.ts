import assert from "node:assert/strict";
import { appendFile, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import crc32c from "crc-32/crc32c.js";
import { silentLogger } from "../../src/base/logger.js";
import { BigMapError } from "../../src/base/errors.js";
import { seededRandom } from "../../src/base/random.js";
import { openDataFolder, type DataFolderOptions } from "../../src/storage/data-folder.js";
import { findLogDamage, type LogDamage } from "../../src/storage/log-check.js";
import { walkLog } from "../../src/storage/log-records.js";
import { firstReplayedLog } from "../../src/storage/rocksdb-manifest.js";
import type { StorageEngine } from "../../src/storage/storage-engine.js";
import { isStoreInUse } from "../../src/storage/store-lock.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { smallMemory, temporaryFolder } from "./rocksdb-fixture.js";
import { hasCode } from "./text-rows.js";

const blockBytes = 32 * 1024;
const keyOf = (number: number): Buffer => Buffer.from(String(number).padStart(8, "0"));
const valueOf = (number: number, bytes: number): Buffer => Buffer.alloc(bytes, 1 + (number % 250));

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const storeOf = (path: string): string => join(path, "store");

async function put(engine: StorageEngine, from: number, to: number, valueBytes: number): Promise<void> {
  for (let number = from; number < to; number++) {
    const batch = new WriteBatch();
    batch.put(keyOf(number), valueOf(number, valueBytes));
    await engine.write(batch, "fsync");
  }
}

/** A data folder whose log holds so many commits, of one row each, behind that of the layout record. */
async function makeFolder(count: number, valueBytes: number): Promise<string> {
  const path = join(folder, "good");
  const engine = await openDataFolder(path, smallMemory);
  await put(engine, 0, count, valueBytes);
  await engine.close();
  return path;
}

async function logOf(path: string): Promise<string> {
  const names = (await readdir(storeOf(path))).filter((name) => /^\d+\.log$/.test(name)).sort();
  return join(storeOf(path), names.at(-1) as string);
}

/** A copy of the folder whose last log is changed. */
async function copyWith(path: string, change: (log: Buffer) => Buffer): Promise<string> {
  const copy = join(folder, "copy");
  await rm(copy, { recursive: true, force: true });
  await cp(path, copy, { recursive: true });
  const log = await logOf(copy);
  await writeFile(log, change(await readFile(log)));
  return copy;
}

function flipped(log: Buffer, at: number): Buffer {
  const changed = Buffer.from(log);
  changed[at] = (changed[at] as number) ^ 0x10;
  return changed;
}

function zeroed(log: Buffer, start: number, end: number): Buffer {
  return Buffer.concat([log.subarray(0, start), Buffer.alloc(end - start), log.subarray(end)]);
}

async function foundIn(path: string): Promise<Omit<LogDamage, "log" | "isZero"> | undefined> {
  const damage = await findLogDamage(storeOf(path));
  if (damage === undefined) return undefined;
  const { offset, commits, bytes, wasSynced } = damage;
  return { offset, commits, bytes, wasSynced };
}

/** Numbers of the rows that are there. */
async function rowsOf(engine: StorageEngine, count: number): Promise<number[]> {
  const numbers = Array.from({ length: count }, (_, number) => number);
  const values = await engine.getMany(numbers.map(keyOf));
  return numbers.filter((number) => values[number] !== undefined);
}

const mask = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

function record(type: number, payload: string | Buffer, logNumber: readonly number[] = []): Buffer {
  const checked = Buffer.concat([Buffer.of(type, ...logNumber), typeof payload === "string" ? Buffer.from(payload) : payload]);
  const header = Buffer.alloc(6);
  header.writeUInt32LE(mask(crc32c.buf(checked)), 0);
  header.writeUInt16LE(payload.length, 4);
  return Buffer.concat([header, checked]);
}

/** A commit of one operation, a put (1) or a deletion of a range (15). */
function commit(sequence: number, type = 1): Buffer {
  const batch = Buffer.alloc(30, 7);
  batch.writeBigUInt64LE(BigInt(sequence), 0);
  batch.writeUInt32LE(1, 8);
  batch[12] = type;
  return record(1, batch);
}

describe("the records of a log", () => {
  async function walked(path: string): Promise<{ readonly sizes: number[]; readonly gaps: number[] }> {
    const sizes: number[] = [];
    const gaps: number[] = [];
    await walkLog(path, { onRecord: (_head, sizeBytes) => void sizes.push(sizeBytes), onGap: (offset) => void gaps.push(offset) });
    return { sizes, gaps };
  }

  test("of RocksDB's are all found, small ones and those of many blocks, and a zero tail is one place after them", async () => {
    const path = await makeFolder(20, 90_000);
    const log = await logOf(path);
    const { sizes, gaps } = await walked(log);
    assert.equal(sizes.length, 21);
    assert.ok(sizes.slice(1).every((bytes) => bytes > 90_000 && bytes < 90_050));
    assert.deepEqual(gaps, []);
    const { length } = await readFile(log);
    await appendFile(log, Buffer.alloc(100));
    assert.deepEqual(await walked(log), { sizes, gaps: [length] });
  });

  async function walkedBytes(...parts: Buffer[]): Promise<{ readonly sizes: number[]; readonly gaps: number[] }> {
    const path = join(folder, "000001.log");
    await writeFile(path, Buffer.concat(parts));
    return walked(path);
  }

  test("have checksums as RocksDB masks them", () => {
    assert.equal(mask(crc32c.buf(Buffer.from("123456789"))), ((((0xe3069283 >>> 15) | (0xe3069283 << 17)) >>> 0) + 0xa282ead8) % 2 ** 32);
  });

  test("may have the number of their log, or tell of something else", async () => {
    const number = [1, 0, 0, 0];
    const parts = [record(9, "zstd"), record(5, "whole", number), record(6, "be", number), record(7, "g", number), record(8, "in", number)];
    assert.deepEqual(await walkedBytes(...parts, record(10, "stamps"), record(11, "stamps", number)), { sizes: [5, 5], gaps: [] });
  });

  test("that are parts without the rest are none", async () => {
    const whole = record(1, "whole");
    assert.deepEqual(await walkedBytes(record(4, "end"), whole), { sizes: [5], gaps: [0] });
    assert.deepEqual(await walkedBytes(whole, record(2, "begin"), whole), { sizes: [5, 5], gaps: [whole.length] });
    assert.deepEqual(await walkedBytes(whole, record(2, "begin"), record(3, "middle")), { sizes: [5], gaps: [whole.length] });
    assert.deepEqual(await walkedBytes(whole, record(12, "unknown"), record(0, "zero"), whole), { sizes: [5, 5], gaps: [whole.length] });
  });

  test("are found behind a damaged one, but not inside of a torn one", async () => {
    const whole = record(1, "whole");
    const holder = record(1, Buffer.concat([whole, whole]));
    assert.deepEqual(await walkedBytes(whole, flipped(whole, 9), whole), { sizes: [5, 5], gaps: [12] });
    assert.deepEqual(await walkedBytes(whole, Buffer.alloc(30), whole), { sizes: [5, 5], gaps: [12] });
    assert.deepEqual(await walkedBytes(whole, holder.subarray(0, -1)), { sizes: [5], gaps: [12] });
    assert.deepEqual(await walkedBytes(whole, Buffer.alloc(3)), { sizes: [5], gaps: [12] });
  });
});

describe("damage in a log", () => {
  test("is none of a store that was closed, or cut off at any byte, or with zeros behind that", async () => {
    const path = await makeFolder(40, 2_000);
    assert.equal(await foundIn(path), undefined);
    const { length } = await readFile(await logOf(path));
    for (let kept = 0; kept < length; kept += 4_001) {
      assert.equal(await foundIn(await copyWith(path, (log) => log.subarray(0, kept))), undefined, `cut off at ${kept}`);
      assert.equal(await foundIn(await copyWith(path, (log) => zeroed(log, kept, length))), undefined, `zeros from ${kept}`);
    }
  });

  test("is found wherever the byte is, with the commits behind it; with one behind it, it may come from a power failure", async () => {
    const count = 40;
    const path = await makeFolder(count, 2_000);
    const { length } = await readFile(await logOf(path));
    const damages: (Awaited<ReturnType<typeof foundIn>> & { readonly at: number })[] = [];
    for (let at = 100; at < length; at += 997) {
      const damage = await foundIn(await copyWith(path, (log) => flipped(log, at)));
      if (damage !== undefined) damages.push({ ...damage, at });
    }
    assert.ok(damages.length > 70);
    for (const { at, offset, commits, bytes, wasSynced } of damages) {
      assert.ok(offset <= at && at - offset < 2_100, `byte ${at} was damaged, ${offset} was found`);
      assert.equal(Math.round(bytes / commits / 10), 202);
      assert.equal(wasSynced, commits >= 2);
    }
    assert.equal(damages[0]?.commits, count - 1);
    assert.equal(damages.at(-1)?.commits, 1);
  });

  test("of a page that is zero is found", async () => {
    const path = await makeFolder(100, 500);
    const damage = await foundIn(await copyWith(path, (log) => zeroed(log, 12_288, 16_384)));
    assert.ok(damage?.wasSynced === true && damage.offset <= 12_288 && damage.offset > 11_700);
    assert.ok(damage.commits > 60 && damage.commits < 72, String(damage.commits));
  });

  test("in the middle of the last commit, however large, is none", async () => {
    const path = await makeFolder(3, 300_000);
    assert.equal(await foundIn(await copyWith(path, (log) => zeroed(log, 700_000, 704_096))), undefined);
    assert.equal((await foundIn(await copyWith(path, (log) => zeroed(log, 400_000, 404_096))))?.wasSynced, false);
  });

  test("by a power failure in the middle of a commit, and of deletions before it, is never taken for a loss", async () => {
    const path = join(folder, "good");
    const engine = await openDataFolder(path, smallMemory);
    await put(engine, 0, 10, 1_000);
    const synced = (await readFile(await logOf(path))).findLastIndex((byte) => byte !== 0) + 1;
    for (let i = 0; i < 3; i++) await engine.deleteRange({ start: keyOf(10 + i), end: keyOf(20) });
    await put(engine, 10, 11, 150_000);
    await engine.close();
    const random = seededRandom(1);
    const sectorBytes = 32;
    let damaged = 0;
    for (let round = 0; round < 60; round++) {
      const share = random.below(100);
      const deletionsBytes = 120;
      const copy = await copyWith(path, (log) => {
        const torn = Buffer.from(log);
        const end = round % 2 === 0 ? log.length : synced + deletionsBytes;
        for (let at = synced - (synced % sectorBytes); at < end; at += sectorBytes) {
          if (random.below(100) < share) torn.fill(0, Math.max(at, synced), Math.min(at + sectorBytes, end));
        }
        return torn;
      });
      const damage = await foundIn(copy);
      assert.notEqual(damage?.wasSynced, true, `round ${round}`);
      if (damage !== undefined) damaged++;
    }
    assert.ok(damaged > 0 && damaged < 60, `${damaged} with commits behind`);
  });

  test("before deletions of ranges, which are not synced, may come from a power failure, but for a commit after them", async () => {
    const path = await makeFolder(0, 0);
    const engine = await openDataFolder(path, smallMemory);
    await put(engine, 0, 1, 100);
    for (let i = 0; i < 4; i++) await engine.deleteRange({ start: keyOf(10 + i), end: keyOf(20) });
    await put(engine, 1, 2, 100);
    const before = await foundIn(await copyWith(path, (log) => flipped(log, 20)));
    assert.deepEqual([before?.commits, before?.wasSynced], [5, false]);
    await put(engine, 2, 3, 100);
    await engine.close();
    const after = await foundIn(await copyWith(path, (log) => flipped(log, 20)));
    assert.deepEqual([after?.commits, after?.wasSynced], [6, true]);
  });

  test("of a log that is followed by another: what the other holds is lost, but where it goes on from there", async () => {
    const torn = flipped(commit(7), 20);
    const found = async (...logs: (readonly Buffer[])[]): Promise<unknown> => {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder);
      for (const [i, parts] of logs.entries()) await writeFile(join(folder, `00000${8 + 4 * i}.log`.slice(-10)), Buffer.concat(parts));
      const damage = await findLogDamage(folder);
      return damage && [damage.log.slice(-10), damage.offset, damage.commits, damage.bytes, damage.wasSynced];
    };
    const before = [commit(5), commit(6)];
    const at = 2 * commit(5).length;
    assert.deepEqual(await found([...before, torn], [commit(8), commit(9)]), ["000008.log", at, 2, 60, true]);
    assert.deepEqual(await found([...before, torn], [], [commit(8)]), ["000008.log", at, 1, 30, false]);
    assert.deepEqual(await found([...before, torn], [commit(8, 15), commit(9)]), ["000008.log", at, 2, 60, false]);
    assert.deepEqual(await found([torn], [commit(8), commit(9)]), ["000008.log", 0, 2, 60, true]);
    // RocksDB has recovered from the torn log and begun another; or the first was left with zeros at its end.
    assert.equal(await found([...before, torn], [commit(7), commit(8), commit(9)]), undefined);
    assert.equal(await found([...before, torn, commit(8), commit(9)], [commit(7), commit(8), commit(9)]), undefined);
    assert.equal(await found([...before, Buffer.alloc(blockBytes)], [commit(7), commit(8), commit(9)]), undefined);
    // What has lower numbers was there before.
    assert.equal(await found([...before, torn, commit(1), commit(2), commit(3)]), undefined);
    // The second damage counts where the first is settled.
    const second = [commit(7), flipped(commit(8), 20), commit(9), commit(10)];
    assert.deepEqual(await found([...before, torn], second), ["000012.log", commit(7).length, 2, 60, true]);
  });

  test("of a log whose rows are in tables is none", async () => {
    const path = await makeFolder(50, 1_000);
    const [old, copy] = [await logOf(path), await readFile(await logOf(path))];
    await (await openDataFolder(path, smallMemory)).close();
    assert.ok((await firstReplayedLog(storeOf(path))) > Number.parseInt(old.slice(-10), 10));
    await writeFile(old, flipped(copy, 10_000));
    assert.equal(await foundIn(path), undefined);
    await rm(join(storeOf(path), "CURRENT"));
    assert.notEqual(await foundIn(path), undefined);
  });
});

describe("a data folder with a damaged log", () => {
  const count = 200;
  let warnings: { readonly facts: object; readonly message: string }[];
  let options: DataFolderOptions;
  beforeEach(() => {
    warnings = [];
    const logger = { ...silentLogger, warn: (facts: object, message: string) => void warnings.push({ facts, message }) };
    options = { ...smallMemory, logger };
  });

  async function rowsAfter(path: string, with_: Partial<DataFolderOptions>): Promise<number[]> {
    const engine = await openDataFolder(path, { ...options, ...with_ });
    try {
      return await rowsOf(engine, count);
    } finally {
      await engine.close();
    }
  }

  const isPrefix = (numbers: readonly number[]): boolean => numbers.every((number, i) => number === i);

  test("is not opened, says where the damage is and what to do, and stays as it was", async () => {
    const path = await copyWith(await makeFolder(count, 300), (log) => flipped(log, 40_000));
    const log = await logOf(path);
    const before = await readFile(log);
    for (let round = 0; round < 2; round++) {
      const failure: unknown = await openDataFolder(path, options).catch((error: unknown) => error);
      assert.ok(failure instanceof BigMapError && failure.code === "STORAGE_CORRUPT", String(failure));
      assert.ok(
        failure.message.includes(log) && /at byte 39\d\d\d; commits behind that: \d\d \(\d+/.test(failure.message),
        failure.message,
      );
      assert.match(failure.hint, /from a backup.*--accept-damaged-log.*acceptDamagedLog/);
    }
    assert.deepEqual(await readFile(log), before);
    assert.deepEqual(warnings, []);
  });

  test("is opened where that is accepted, as it was before the damage; once is enough", async () => {
    const path = await copyWith(await makeFolder(count, 300), (log) => flipped(log, 40_000));
    const rows = await rowsAfter(path, { acceptDamagedLog: true });
    assert.ok(isPrefix(rows) && rows.length > 100 && rows.length < 130, String(rows.length));
    assert.match(warnings[0]?.message ?? "", /damaged at byte 39\d\d\d; .*They are not read\. That was accepted/);
    assert.deepEqual(await rowsAfter(path, {}), rows);
    assert.equal(warnings.length, 1);
  });

  test("that is zero from a record's end on is opened as it was before that, and not with what RocksDB reads behind it", async () => {
    const good = await makeFolder(count, 300);
    const offset = (await foundIn(await copyWith(good, (log) => flipped(log, 20_000))))?.offset as number;
    const path = await copyWith(good, (log) => zeroed(log, offset, blockBytes));
    await assert.rejects(openDataFolder(path, options), hasCode("STORAGE_CORRUPT"));
    const rows = await rowsAfter(path, { acceptDamagedLog: true });
    assert.ok(isPrefix(rows) && rows.length > 50 && rows.length < 70, String(rows.length));
  });

  test("is opened with a warning where commits are not synced", async () => {
    const path = await copyWith(await makeFolder(count, 300), (log) => flipped(log, 40_000));
    assert.ok(isPrefix(await rowsAfter(path, { durability: "os" })));
    assert.equal(warnings.length, 1);
  });

  test("is opened with a warning where one commit follows, and without one where none does", async () => {
    const good = await makeFolder(count, 300);
    const { length } = await readFile(await logOf(good));
    const one = await rowsAfter(await copyWith(good, (log) => flipped(log, length - 500)), {});
    assert.ok(isPrefix(one) && one.length === count - 2);
    assert.equal(warnings.length, 1);
    const none = await rowsAfter(await copyWith(good, (log) => flipped(log, length - 100)), {});
    assert.ok(isPrefix(none) && none.length === count - 1);
    assert.equal(warnings.length, 1);
  });

  test("is in use where another has it open, whatever its log looks like meanwhile", async () => {
    const path = await makeFolder(count, 300);
    assert.equal(await isStoreInUse(storeOf(path), options), false);
    const engine = await openDataFolder(path, options);
    assert.equal(await isStoreInUse(storeOf(path), options), true);
    await put(engine, 0, 20, 300);
    const log = await logOf(path);
    await writeFile(log, flipped(await readFile(log), 1_000));
    await assert.rejects(openDataFolder(path, options), hasCode("DATA_DIR_IN_USE"));
    const unreadable = join(storeOf(path), "900001.log");
    await mkdir(unreadable);
    await assert.rejects(openDataFolder(path, options), hasCode("DATA_DIR_IN_USE"));
    await rm(unreadable, { recursive: true });
    await engine.close();
    assert.deepEqual(warnings, []);
  });

  test("whose log cannot be read is STORAGE_FAILED", async () => {
    await mkdir(join(storeOf(await makeFolder(1, 1)), "900001.log"));
    await assert.rejects(openDataFolder(join(folder, "good"), options), hasCode("STORAGE_FAILED"));
  });
});
