import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { divideMemory } from "../../src/server/config.js";
import { rocksOptions } from "../../src/storage/rocksdb-engine.js";

const mibBytes = 2 ** 20;

test("entry cache, write buffers and block cache take the memory budget and no more", () => {
  for (const memoryBytes of [64 * mibBytes, 200 * mibBytes, limits.memoryDefaultBytes, 64 * limits.memoryDefaultBytes]) {
    const { cacheBytes, engine } = divideMemory(memoryBytes);
    const { memtableMemoryBudget, cacheSize } = rocksOptions(engine);
    const takenBytes = cacheBytes + memtableMemoryBudget + cacheSize;
    assert.ok(takenBytes <= memoryBytes + 1, `${takenBytes} of ${memoryBytes}`);
    assert.ok(cacheBytes >= memoryBytes / 4, `the entry cache gets ${cacheBytes} of ${memoryBytes}`);
  }
});

test("the default budget is divided as ARCHITECTURE.md says", () => {
  const { cacheBytes, engine } = divideMemory(limits.memoryDefaultBytes);
  const { memtableMemoryBudget, cacheSize } = rocksOptions(engine);
  assert.deepEqual(
    [cacheBytes, memtableMemoryBudget, cacheSize].map((bytes) => bytes / limits.memoryDefaultBytes),
    [11 / 16, 1 / 4, 1 / 16],
  );
});

test("of the smallest budget something is left for entries", () => {
  const { cacheBytes, engine } = divideMemory(limits.memoryMinBytes);
  assert.equal(cacheBytes, limits.memoryMinBytes / 4);
  assert.ok(rocksOptions(engine).cacheSize > 0);
});
