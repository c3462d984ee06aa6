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

const config = { dataDir: "unused", durability: "fsync", logLevel: "silent" } as const;
const usual = { ...config, canisterCapBytes: limits.canisterCapDefaultBytes, memoryBytes: limits.memoryDefaultBytes };
const machineBytes = 8 * 2 ** 30;

test("a budget of more than the machine has is refused, one of all it has is not", () => {
  for (const memoryBytes of [limits.memoryMinBytes, machineBytes]) assertConfig({ ...usual, memoryBytes }, machineBytes);
  assertConfig({ ...usual, memoryBytes: machineBytes }, Infinity);
  assert.throws(() => assertConfig({ ...usual, memoryBytes: 999 * 2 ** 40 }, machineBytes), {
    code: "INVALID_ARGUMENT",
    message: "A memory budget of 999 TiB is not between 16 MiB and what this process may take (8 GiB)",
    hint: /smaller budget/,
  });
});

test("a size that is refused is told with its bounds, as people write them", () => {
  const bounds = "between 16 MiB and what this process may take (8 GiB)";
  const exactBounds = "between 16777216 B and what this process may take (8589934592 B)";
  for (const [memoryBytes, message] of [
    [15 * mibBytes, `A memory budget of 15 MiB is not ${bounds}`],
    [0, `A memory budget of 0 B is not ${bounds}`],
    [-1, `A memory budget of -1 B is not ${bounds}`],
    [99999999999999999999 * 2 ** 30, `A memory budget of more than 8 PiB is not ${bounds}`],
    [Infinity, `A memory budget of more than 8 PiB is not ${bounds}`],
    [limits.memoryMinBytes - 1, `A memory budget of 16777215 B is not ${exactBounds}`],
    [machineBytes + 1, `A memory budget of 8589934593 B is not ${exactBounds}`],
    [64 * mibBytes + 0.5, `A memory budget of 67108864.5 is not a whole number of bytes ${bounds}`],
    [NaN, `A memory budget of NaN is not a whole number of bytes ${bounds}`],
    [undefined as unknown as number, `A memory budget of undefined is not a whole number of bytes ${bounds}`],
    ["1GiB" as unknown as number, `A memory budget of "1GiB" is not a whole number of bytes ${bounds}`],
  ] as const)
    assert.throws(() => assertConfig({ ...usual, memoryBytes }, machineBytes), { code: "INVALID_ARGUMENT", message });
  assert.throws(() => assertConfig({ ...usual, canisterCapBytes: 5 * 2 ** 30 }, machineBytes), {
    message: "A canister cap of 5 GiB is not between 64 KiB and 4 GiB",
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
