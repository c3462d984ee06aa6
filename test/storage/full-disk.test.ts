/** A full disk, made of a small tmpfs: it fails where this user may not mount one. */
import assert from "node:assert/strict";
import { stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { openDataFolder } from "../../src/storage/data-folder.js";
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { mountSmallDisk } from "../bad-input/tmpfs.js";
import { smallMemory } from "./rocksdb-fixture.js";
import { readAll } from "./text-rows.js";

const mibBytes = 2 ** 20;

test("a full disk is DISK_FULL, refuses what follows, and keeps every acknowledged batch", async () => {
  const disk = await mountSmallDisk(12);
  const { folder } = disk;
  try {
    const acknowledged = await fillDisk(folder);
    assert.ok(acknowledged > 0);
    disk.resize(64);
    const engine = await openRocksEngine(folder, smallMemory);
    const batches = new Set((await readAll(engine)).map(([, value]) => value[0]));
    assert.ok(batches.size <= acknowledged, "nothing of the failed batch is there");
    assert.equal((await readAll(engine)).length, acknowledged * 10);
    await engine.write(numberedBatch(acknowledged), "fsync");
    await engine.close();
  } finally {
    await disk.remove();
  }
});

test("a data folder does not open on a full disk, says how much it takes, and opens as soon as that is free", async () => {
  const disk = await mountSmallDisk(16);
  const path = join(disk.folder, "data");
  try {
    const engine = await openDataFolder(path, smallMemory);
    for (let number = 0; number < 40; number++) await engine.write(numberedBatch(number), "fsync");
    await engine.close();
    const eaten = join(disk.folder, "eaten");
    await writeFile(eaten, Buffer.alloc(16 * mibBytes)).catch(() => undefined);
    const failure: unknown = await openDataFolder(path, smallMemory).catch((error: unknown) => error);
    assert.ok(failure instanceof BigMapError && failure.code === "DISK_FULL", String(failure));
    const [, neededMib] = /opening writes about ([\d.]+) MiB/.exec(failure.message) ?? [];
    assert.match(failure.message, /has 0 B free/);
    await truncate(eaten, (await stat(eaten)).size - Math.ceil(Number(neededMib) * mibBytes));
    const opened = await openDataFolder(path, smallMemory);
    assert.equal((await readAll(opened)).length, 401, "the rows, and that of the layout");
    await opened.close();
  } finally {
    await disk.remove();
  }
});

/** Writes until the disk is full; the number of batches that were acknowledged. */
async function fillDisk(folder: string): Promise<number> {
  const engine = await openRocksEngine(folder, smallMemory);
  let acknowledged = 0;
  const failure: unknown = await (async () => {
    for (;;) {
      await engine.write(numberedBatch(acknowledged), "fsync");
      acknowledged++;
    }
  })().catch((error: unknown) => error);
  assert.ok(failure instanceof BigMapError && failure.code === "DISK_FULL", String(failure));
  const refused: unknown = await engine.write(numberedBatch(0), "fsync").catch((error: unknown) => error);
  assert.ok(refused instanceof BigMapError && refused.code === "STORAGE_FAILED" && refused.retry === "permanent", String(refused));
  assert.equal((await readAll(engine)).length, acknowledged * 10, "reads go on");
  await engine.close();
  return acknowledged;
}

function numberedBatch(number: number): WriteBatch {
  const batch = new WriteBatch();
  const name = String(number).padStart(6, "0");
  for (let row = 0; row < 10; row++) batch.put(Buffer.from(`${name}/${row}`), Buffer.alloc(10_000, number % 256));
  return batch;
}
