import assert from "node:assert/strict";
import { appendFile, cp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { LogRunway } from "../../src/storage/log-runway.js";
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import type { Durability, StorageEngine } from "../../src/storage/storage-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { smallMemory, temporaryFolder } from "./rocksdb-fixture.js";
import { readAll } from "./text-rows.js";

const runwayBytes = 2 ** 20;
const unservedBytes = 16 * 1024;

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await temporaryFolder();
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await rm(copyOf(folder), { recursive: true, force: true });
  }
}

const copyOf = (folder: string): string => `${folder}-copy`;

describe("zeros ahead of a log", () => {
  test("stand behind what the log holds, in whole blocks, and in the log with the highest number", () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, "999999.log"), "old");
      await writeFile(join(folder, "1000000.log"), "records");
      await writeFile(join(folder, "LOG.log"), "other");
      new LogRunway(folder).extendFor(unservedBytes);
      const log = await readFile(join(folder, "1000000.log"));
      assert.equal(log.subarray(0, 7).toString(), "records");
      assert.ok(log.subarray(7).every((byte) => byte === 0));
      assert.ok(log.length >= runwayBytes && log.length % 32_768 === 0);
      assert.equal((await stat(join(folder, "999999.log"))).size, 3);
    }));

  test("are added when some was written and when they are used up, and not for large writes", () =>
    inFolder(async (folder) => {
      const log = join(folder, "000004.log");
      await writeFile(log, "");
      const runway = new LogRunway(folder);
      runway.extendFor(runwayBytes);
      assert.equal((await stat(log)).size, 0);
      const later = new LogRunway(folder);
      for (let written = 0; written < unservedBytes / 2; written += 1_000) later.extendFor(1_000);
      assert.equal((await stat(log)).size, 0);
      runway.extendFor(1_000);
      assert.equal((await stat(log)).size, runwayBytes);
      for (let written = 0; written < runwayBytes / 2; written += 1_000) runway.extendFor(1_000);
      assert.equal((await stat(log)).size, runwayBytes);
      for (let written = 0; written < runwayBytes / 2; written += 1_000) runway.extendFor(1_000);
      assert.equal((await stat(log)).size, 2 * runwayBytes);
    }));

  test("end where somebody writes without syncing, whose writes are synced until they are passed", () =>
    inFolder(async (folder) => {
      const log = join(folder, "000004.log");
      await writeFile(log, "");
      const runway = new LogRunway(folder);
      assert.equal(runway.endsBefore(), false);
      runway.extendFor(unservedBytes);
      assert.equal((await stat(log)).size, 0);
      const other = new LogRunway(folder);
      other.extendFor(unservedBytes);
      assert.equal(other.endsBefore(), true);
      await appendFile(log, "past them");
      assert.equal(other.endsBefore(), false);
      await rm(log);
      assert.equal(other.isAhead(), false);
    }));

  test("are none where there is no log, or no folder", () =>
    inFolder(async (folder) => {
      new LogRunway(folder).extendFor(unservedBytes);
      new LogRunway(join(folder, "none")).extendFor(unservedBytes);
      assert.deepEqual(await readdir(folder), []);
    }));
});

describe("a store that was cut off with zeros ahead of its log", () => {
  const valueBytes = 3_000;

  async function write(engine: StorageEngine, from: number, to: number, durability: Durability = "fsync"): Promise<void> {
    const written: Promise<void>[] = [];
    for (let number = from; number < to; number++) {
      const batch = new WriteBatch();
      batch.put(Buffer.from(String(number).padStart(8, "0")), Buffer.alloc(valueBytes, number));
      written.push(engine.write(batch, durability));
      if (number % 8 === 7) await Promise.all(written.splice(0));
    }
    await Promise.all(written);
  }

  async function assertHas(folder: string, count: number): Promise<void> {
    const engine = await openRocksEngine(folder, smallMemory);
    const rows = await readAll(engine);
    await engine.close();
    assert.deepEqual(
      rows.map(([key]) => Number(key.toString())),
      Array.from({ length: count }, (_, number) => number),
    );
  }

  /** What would be on the disk if the machine stopped now. */
  async function cutOff(folder: string): Promise<readonly string[]> {
    await cp(folder, copyOf(folder), { recursive: true });
    return (await readdir(copyOf(folder))).filter((name) => name.endsWith(".log")).sort();
  }

  test("has everything, of several logs too, and so each time it is cut off", () =>
    inFolder(async (folder) => {
      for (const [from, to] of [
        [0, 10],
        [10, 6_000],
        [6_000, 6_020],
      ] as const) {
        const engine = await openRocksEngine(folder, smallMemory);
        await write(engine, from, to);
        await rm(copyOf(folder), { recursive: true, force: true });
        const logs = await cutOff(folder);
        assert.ok(logs.length > 0);
        await engine.close();
        await assertHas(copyOf(folder), to);
      }
    }));

  test("has everything before a write that was under way, whatever of it is on the disk", () =>
    inFolder(async (folder) => {
      const engine = await openRocksEngine(folder, smallMemory);
      await write(engine, 0, 99);
      await write(engine, 99, 100);
      const logs = await cutOff(folder);
      const log = join(copyOf(folder), logs.at(-1) as string);
      const bytes = await readFile(log);
      const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
      assert.ok(bytes.length - end > runwayBytes / 4, "there are zeros ahead");
      await engine.close();
      for (const [start, length] of [
        [end - 1_000, 1_000],
        [end - 2_500, 500],
        [end - valueBytes - 20, valueBytes + 20],
      ] as const) {
        await rm(copyOf(folder), { recursive: true, force: true });
        await cp(folder, copyOf(folder), { recursive: true });
        await rewind(copyOf(folder), logs, bytes, start, length);
        await assertHas(copyOf(folder), 99);
      }
    }));

  /** Puts the log of before the close back, with zeros in the place of these bytes. */
  async function rewind(folder: string, logs: readonly string[], bytes: Buffer, start: number, length: number): Promise<void> {
    const file = await open(join(folder, logs.at(-1) as string), "w");
    await file.writeFile(Buffer.concat([bytes.subarray(0, start), Buffer.alloc(length), bytes.subarray(start + length)]));
    await file.close();
  }

  test("has what was written without syncing, and ranges that were deleted", () =>
    inFolder(async (folder) => {
      const engine = await openRocksEngine(folder, smallMemory);
      await write(engine, 0, 100);
      await engine.deleteRange({ start: Buffer.from("00000050"), end: Buffer.from("00001000") });
      await write(engine, 50, 60, "os");
      await cutOff(folder);
      await engine.close();
      await assertHas(copyOf(folder), 60);
    }));
});
