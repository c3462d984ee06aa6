import assert from "node:assert/strict";
import { test } from "node:test";
import { giveBytes, takeBytes } from "../../src/base/byte-pool.js";

test("memory has the size that was asked for, small and large", () => {
  for (const sizeBytes of [0, 1, 100, 8192, 8193, 16384, 16385, 100_000, 2 ** 23, 2 ** 23 + 1]) {
    assert.equal(takeBytes(sizeBytes).length, sizeBytes);
  }
});

test("what was given back is taken again, whole or as a part", () => {
  const first = takeBytes(50_000);
  giveBytes(first.subarray(10, 20));
  assert.equal(takeBytes(60_000).buffer, first.buffer);
});

test("two who have taken memory never share it, even where one gives it back twice", () => {
  const first = takeBytes(50_000);
  giveBytes(first);
  giveBytes(first);
  const second = takeBytes(50_000);
  const third = takeBytes(50_000);
  assert.notEqual(second.buffer, third.buffer);
});

test("memory that is not the pool's is left alone", () => {
  const foreign = new Uint8Array(2 ** 16);
  giveBytes(foreign);
  assert.notEqual(takeBytes(2 ** 16).buffer, foreign.buffer);
});
