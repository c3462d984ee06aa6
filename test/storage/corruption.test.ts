import assert from "node:assert/strict";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "../../src/base/random.js";
import { BigMapError } from "../../src/base/errors.js";
import { keyAfter } from "../../src/storage/key-layout.js";
import { packedRows, type PackedValues } from "../../src/storage/packed-values.js";
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import type { StorageEngine } from "../../src/storage/storage-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { smallMemory, temporaryFolder } from "./rocksdb-fixture.js";
import { hasCode, wholePage, wholeRange } from "./text-rows.js";

const rowCount = 400;
const stepOptions = { maxRows: 100, maxBytes: 2 ** 20 };
const keys = Array.from({ length: rowCount }, (_, i) => Buffer.from(`key ${String(i).padStart(4, "0")}`));
const values = keys.map((_, i) => Buffer.alloc(100, i % 251));

test("a flipped byte of a table file is STORAGE_CORRUPT or harmless, never a wrong answer and never a crash", async () => {
  const folder = await temporaryFolder();
  try {
    const good = join(folder, "good");
    await makeTableFile(good);
    const tableFile = (await readdir(good)).find((name) => name.endsWith(".sst")) as string;
    const bytes = await readFile(join(good, tableFile));
    let corruptCount = 0;
    for (let round = 0; round < 9; round++) {
      // The last position is in the footer, the others are spread over data, index, filter and properties.
      const at = round === 8 ? bytes.length - 10 : Math.floor((round * bytes.length) / 8);
      const bad = join(folder, `bad ${round}`);
      await cp(good, bad, { recursive: true });
      await writeFile(join(bad, tableFile), flip(bytes, at));
      corruptCount += await countCorruptReads(bad);
      await rm(bad, { recursive: true });
    }
    assert.ok(corruptCount >= 6, `${corruptCount} positions were noticed`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** RocksDB turns the log of the last run into a table file when it next opens. */
async function makeTableFile(path: string): Promise<void> {
  const engine = await openRocksEngine(path, smallMemory);
  const batch = new WriteBatch();
  keys.forEach((key, i) => batch.put(key, values[i] as Buffer));
  await engine.write(batch, "fsync");
  await engine.close();
  await (await openRocksEngine(path, smallMemory)).close();
}

function flip(bytes: Buffer, at: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[at] = (flipped[at] as number) ^ (1 << seededRandom(at).below(8));
  return flipped;
}

/** 1 where opening or any read found the damage, 0 where every read was right. */
async function countCorruptReads(path: string): Promise<number> {
  let engine: StorageEngine;
  try {
    engine = await openRocksEngine(path, smallMemory);
  } catch (error) {
    assert.ok(hasCode("STORAGE_CORRUPT")(error), String(error));
    return 1;
  }
  try {
    const reads = [readMany(engine), readEach(engine), readRange(engine), readSteps(engine)];
    const outcomes = await Promise.all(reads.map((read) => read.then(() => 0, onlyCorrupt)));
    return Math.max(...outcomes);
  } finally {
    await engine.close();
  }
}

function onlyCorrupt(error: unknown): number {
  assert.ok(error instanceof BigMapError && error.code === "STORAGE_CORRUPT", String(error));
  return 1;
}

async function readMany(engine: StorageEngine): Promise<void> {
  const read = await engine.getMany(keys);
  read.forEach((value, i) => assert.ok(value !== undefined && (values[i] as Buffer).equals(value)));
}

async function readEach(engine: StorageEngine): Promise<void> {
  for (const [i, key] of keys.entries()) {
    const [value] = await engine.getMany([key]);
    assert.ok(value !== undefined && (values[i] as Buffer).equals(value));
  }
}

async function readSteps(engine: StorageEngine): Promise<void> {
  let range = wholeRange;
  for (let read = 0, isLast = false; !isLast; range = { start: keyAfter(keys[read - 1] as Buffer), end: range.end }) {
    const found = await new Promise<PackedValues>((resolve, reject) => {
      engine.readRows(range, stepOptions, { resolve: (rows) => resolve(packedRows(rows.copy(), rows.isLast)), reject });
    });
    for (; found.next(); read++) {
      assert.ok(found.bytes.subarray(found.start, found.end).equals(keys[read] as Buffer));
      assert.ok(found.next() && found.bytes.subarray(found.start, found.end).equals(values[read] as Buffer));
    }
    isLast = found.isLast;
    assert.equal(isLast, read === rowCount);
  }
}

async function readRange(engine: StorageEngine): Promise<void> {
  const reader = engine.openReader(wholeRange);
  try {
    const page = await reader.next(wholePage);
    assert.equal(page.keys.length, rowCount);
    page.values.forEach((value, i) => assert.ok((values[i] as Buffer).equals(value)));
  } finally {
    reader.close();
  }
}
