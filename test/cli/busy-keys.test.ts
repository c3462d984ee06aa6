import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { BusyKeys } from "../../src/cli/transfer/busy-keys.js";

const claim = (keys: BusyKeys, key: string, batch: number): boolean => {
  const bytes = Buffer.from(`before ${key} behind`);
  return keys.claim(bytes, 7, 7 + Buffer.byteLength(key), batch);
};

describe("busy keys", () => {
  test("a key is busy until its batch is settled, whatever others do", () => {
    const keys = new BusyKeys();
    keys.begin(1);
    keys.begin(2);
    assert.ok(claim(keys, "a", 1));
    assert.ok(claim(keys, "b", 2));
    assert.deepEqual([claim(keys, "a", 2), claim(keys, "a", 1), claim(keys, "b", 1)], [false, false, false]);
    keys.settle(2);
    keys.begin(3);
    assert.deepEqual([claim(keys, "a", 3), claim(keys, "b", 3)], [false, true]);
    keys.settle(1);
    assert.deepEqual([claim(keys, "a", 3), claim(keys, "b", 3)], [true, false]);
  });

  test("eight thousand keys are busy side by side, in batches without end", () => {
    const keys = new BusyKeys();
    for (let batch = 1; batch <= 40; batch++) {
      keys.begin(batch);
      if (batch > 8) keys.settle(batch - 8);
      for (let i = 0; i < 1_000; i++) assert.ok(claim(keys, `key ${batch * 1_000 + i}`, batch));
      const oldest = Math.max(1, batch - 7);
      for (let i = 0; i < 1_000; i++) assert.ok(!claim(keys, `key ${oldest * 1_000 + i}`, batch));
    }
  });
});
