import assert from "node:assert/strict";
import { totalmem } from "node:os";
import { test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { assertConfig, divideMemory } from "../../src/server/config.js";
import { defaultMemoryBytes, machineMemoryBytes } from "../../src/server/machine-memory.js";
import { rocksOptions } from "../../src/storage/rocksdb-engine.js";

const mibBytes = 2 ** 20;

test("entry cache, absence filter, write buffers and block cache take the memory budget and no more", () => {
  for (const memoryBytes of [64 * mibBytes, 200 * mibBytes, limits.memoryDefaultBytes, 64 * limits.memoryDefaultBytes]) {
    const { cacheBytes, absenceFilterBytes, engine } = divideMemory(memoryBytes);
    const { memtableMemoryBudget, cacheSize } = rocksOptions(engine);
    const takenBytes = cacheBytes + absenceFilterBytes + memtableMemoryBudget + cacheSize;
    assert.ok(takenBytes <= memoryBytes + 1, `${takenBytes} of ${memoryBytes}`);
    assert.ok(cacheBytes >= memoryBytes / 4, `the entry cache gets ${cacheBytes} of ${memoryBytes}`);
  }
});

test("the default budget is divided as ARCHITECTURE.md says", () => {
  const { cacheBytes, absenceFilterBytes, engine } = divideMemory(limits.memoryDefaultBytes);
  const { memtableMemoryBudget, cacheSize } = rocksOptions(engine);
  assert.deepEqual(
    [cacheBytes, absenceFilterBytes, memtableMemoryBudget, cacheSize].map((bytes) => bytes / limits.memoryDefaultBytes),
    [43 / 64, 1 / 64, 1 / 4, 1 / 16],
  );
});

test("a budget of more than the machine has is refused, one of all it has is not", () => {
  const config = { dataDir: "unused", canisterCapBytes: limits.canisterCapDefaultBytes, durability: "fsync", logLevel: "silent" } as const;
  const machineBytes = 8 * 2 ** 30;
  assertConfig({ ...config, memoryBytes: machineBytes }, machineBytes);
  assert.throws(() => assertConfig({ ...config, memoryBytes: 999 * 2 ** 40 }, machineBytes), {
    code: "INVALID_ARGUMENT",
    message: "A memory budget of 999 TiB is more than the 8 GiB that this process may take",
    hint: /smaller budget/,
  });
});

test("a process may take what its control group lets it, and no more than the machine has", () => {
  const gibBytes = 2 ** 30;
  for (const noLimit of [0, 2 ** 63, 2 ** 64]) assert.equal(machineMemoryBytes(noLimit, 8 * gibBytes), 8 * gibBytes);
  assert.equal(machineMemoryBytes(gibBytes, 8 * gibBytes), gibBytes);
  assert.ok(machineMemoryBytes() <= totalmem());
});

test("without a choice the budget is 1 GiB, or half of what there is", () => {
  assert.equal(defaultMemoryBytes(64 * 2 ** 30), limits.memoryDefaultBytes);
  assert.equal(defaultMemoryBytes(512 * mibBytes), 256 * mibBytes);
  assert.equal(defaultMemoryBytes(20 * mibBytes), limits.memoryMinBytes);
});

test("of the smallest budget something is left for entries", () => {
  const { cacheBytes, absenceFilterBytes, engine } = divideMemory(limits.memoryMinBytes);
  assert.equal(cacheBytes + absenceFilterBytes, limits.memoryMinBytes / 4);
  assert.ok(rocksOptions(engine).cacheSize > 0);
});

test("the absence filter takes a 64th, rounded down to a power of two, and 1 GiB at most", () => {
  for (const [memoryBytes, expectedBytes] of [
    [limits.memoryMinBytes, 2 ** 18],
    [200 * mibBytes, 2 * mibBytes],
    [limits.memoryDefaultBytes, 16 * mibBytes],
    [2 ** 40, 2 ** 30],
  ] as const)
    assert.equal(divideMemory(memoryBytes).absenceFilterBytes, expectedBytes);
});
