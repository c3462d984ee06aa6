import assert from "node:assert/strict";
import { test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { MemoryDisk } from "../../src/storage/memory-disk.js";
import { MemoryEngine } from "../../src/storage/memory-engine.js";
import { batchOf, bytes, hasCode, readAll, textOf, wholePage, wholeRange } from "./text-rows.js";

test("a crash keeps what was written with fsync and everything before it, and loses the rest", async () => {
  const disk = new MemoryDisk();
  const engine = new MemoryEngine(disk);
  await engine.write(batchOf({ a: "1" }), "os");
  await engine.deleteRange({ start: bytes("x"), end: bytes("z") });
  await engine.write(batchOf({ b: "2" }), "fsync");
  await engine.write(batchOf({ a: "lost", c: "lost" }), "os");
  await engine.deleteRange({ start: bytes("b"), end: bytes("c") });
  disk.crash();
  assert.deepEqual(await readAll(new MemoryEngine(disk)), [
    ["a", "1"],
    ["b", "2"],
  ]);
});

test("a crash may keep some of the changes that were not synced, oldest first", async () => {
  const disk = new MemoryDisk();
  const engine = new MemoryEngine(disk);
  for (const key of ["a", "b", "c"]) await engine.write(batchOf({ [key]: "1" }), "os");
  disk.crash(2);
  assert.deepEqual(await readAll(new MemoryEngine(disk)), [
    ["a", "1"],
    ["b", "1"],
  ]);
});

test("an engine whose disk crashed answers nothing, and its close does no harm", async () => {
  const disk = new MemoryDisk();
  const engine = new MemoryEngine(disk);
  const release = disk.hold();
  const pending = engine.write(batchOf({ a: "1" }), "fsync");
  const reader = engine.openReader(wholeRange);
  disk.crash();
  release();
  await assert.rejects(pending, hasCode("STORAGE_FAILED"));
  await assert.rejects(textOf(engine, "a"), hasCode("STORAGE_FAILED"));
  await assert.rejects(reader.next(wholePage), hasCode("STORAGE_FAILED"));
  const next = new MemoryEngine(disk);
  await next.write(batchOf({ b: "2" }), "os");
  await engine.close();
  disk.crash();
  assert.deepEqual(await readAll(new MemoryEngine(disk)), []);
});

test("a held disk answers reads and keeps writes waiting", async () => {
  const disk = new MemoryDisk();
  const engine = new MemoryEngine(disk);
  await engine.write(batchOf({ a: "1" }), "fsync");
  const release = disk.hold();
  let written = false;
  const write = engine.write(batchOf({ a: "2" }), "fsync").then(() => (written = true));
  assert.deepEqual(await textOf(engine, "a"), ["1"]);
  assert.equal(written, false);
  release();
  await write;
  assert.deepEqual(await textOf(engine, "a"), ["2"]);
});

test("after a full disk nothing of the batch is there, and every later write is refused", async () => {
  const disk = new MemoryDisk();
  const engine = new MemoryEngine(disk);
  await engine.write(batchOf({ a: "1" }), "fsync");
  disk.failNextWrite("disk-full");
  const full = engine.write(batchOf({ a: "2", b: "2" }), "fsync");
  const behind = engine.write(batchOf({ c: "3" }), "os");
  await assert.rejects(full, hasCode("DISK_FULL"));
  await assert.rejects(behind, (error) => error instanceof BigMapError && error.code === "STORAGE_FAILED" && error.retry === "permanent");
  await assert.rejects(engine.deleteRange(wholeRange), hasCode("STORAGE_FAILED"));
  assert.deepEqual(await readAll(engine), [["a", "1"]]);
  await engine.close();
  assert.deepEqual(await readAll(new MemoryEngine(disk)), [["a", "1"]]);
});

test("after a failed fsync the batch shows only if it survives a crash", async () => {
  for (const survivors of [0, 1]) {
    const disk = new MemoryDisk();
    const engine = new MemoryEngine(disk);
    disk.failNextWrite("fsync");
    const failure: unknown = await engine.write(batchOf({ a: "1" }), "fsync").catch((error: unknown) => error);
    assert.ok(failure instanceof BigMapError && failure.code === "STORAGE_FAILED" && failure.retry === "outcome unknown");
    assert.deepEqual(await readAll(engine), []);
    disk.crash(survivors);
    assert.deepEqual(await readAll(new MemoryEngine(disk)), survivors === 0 ? [] : [["a", "1"]]);
  }
});
