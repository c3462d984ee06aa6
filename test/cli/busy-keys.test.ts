import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { BusyKeys, claims } from "../../src/cli/transfer/busy-keys.js";

const { free } = claims;
const claim = (keys: BusyKeys, key: string, batch: number, place = 0): number => {
  const bytes = Buffer.from(`before ${key} behind`);
  return keys.claim(bytes, 7, 7 + Buffer.byteLength(key), batch, place);
};

describe("busy keys", () => {
  test("a key is of the batch that took it last, until that is settled, whatever others do", () => {
    const keys = new BusyKeys();
    keys.begin(1);
    keys.begin(2);
    assert.deepEqual([claim(keys, "a", 1), claim(keys, "b", 2), claim(keys, "c", 1)], [free, free, free]);
    assert.deepEqual([claim(keys, "a", 2), claim(keys, "a", 2), claim(keys, "b", 2)], [1, 2, 2]);
    keys.settle(2);
    keys.begin(3);
    assert.deepEqual([claim(keys, "a", 3), claim(keys, "b", 3), claim(keys, "c", 3)], [free, free, 1]);
    keys.settle(1);
    assert.deepEqual([claim(keys, "c", 3), claim(keys, "d", 3)], [3, free]);
  });

  test("a key that comes again in its batch tells where it was before", () => {
    const keys = new BusyKeys();
    keys.begin(1);
    for (const [key, place] of [["a", 0] as const, ["b", 1] as const]) assert.equal(claim(keys, key, 1, place), free);
    const earlier = [["a", 2] as const, ["b", 3] as const, ["a", 9_999] as const, ["a", 10_000] as const].map(([key, place]) => {
      assert.equal(claim(keys, key, 1, place), 1);
      return keys.earlierPlace;
    });
    assert.deepEqual(earlier, [0, 1, 2, 9_999]);
  });

  test("eight thousand keys are busy side by side, in batches without end", () => {
    const keys = new BusyKeys();
    for (let batch = 1; batch <= 40; batch++) {
      keys.begin(batch);
      if (batch > 8) keys.settle(batch - 8);
      for (let i = 0; i < 1_000; i++) assert.equal(claim(keys, `key ${batch * 1_000 + i}`, batch, i), free);
    }
    keys.begin(41);
    for (let i = 0; i < 8_000; i++) assert.equal(claim(keys, `key ${33_000 + i}`, 41, i), 33 + Math.floor(i / 1_000));
  });
});
