import { describe, test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeEntryKey } from "../../src/storage/key-layout.js";
import { RowOrder } from "../../src/storage/row-order.js";
import { readWriteBatch, WriteBatch } from "../../src/storage/write-batch.js";

type Stored = Map<string, string | undefined>;

/** What is stored when the rows are written one after another. */
function storedBy(read: (put: (key: Buffer, value: Buffer) => void, remove: (key: Buffer) => void) => void): Stored {
  const stored: Stored = new Map();
  read(
    (key, value) => stored.set(key.toString("hex"), value.toString("hex")),
    (key) => stored.set(key.toString("hex"), undefined),
  );
  return stored;
}

describe("the order of rows", () => {
  test("does not change what a batch writes: the last row of a key wins", () => {
    const order = new RowOrder();
    const token = fc.integer({ min: 0, max: 0xffffffff });
    const entryKey = fc
      .tuple(fc.constantFrom(0, 7, 0xffffffff), fc.constantFrom(0, 1, 0xffffffff))
      .map(([high, low]) => encodeEntryKey(3, { high, low }, Buffer.from("k")));
    const key = fc.oneof(
      entryKey,
      token.map((high) => encodeEntryKey(3, { high, low: 1 }, Buffer.from("k"))),
      fc.constantFrom(Buffer.from("a"), Buffer.from("sevenB.")),
    );
    const row = fc.tuple(key, fc.option(fc.uint8Array({ maxLength: 4 })));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 300, size: "max" }), (rows) => {
        const batch = new WriteBatch();
        for (const [rowKey, value] of rows) {
          if (value === null) batch.delete(rowKey);
          else batch.put(rowKey, value);
        }
        const packed = batch.bytes();
        const inOrder = storedBy((put, remove) => order.read(packed, put, remove));
        assert.deepEqual(
          inOrder,
          storedBy((put, remove) => readWriteBatch(packed, put, remove)),
        );
      }),
      { seed: 43, numRuns: 200 },
    );
  });

  test("many rows come in the order of their tokens", () => {
    const batch = new WriteBatch();
    for (let i = 0; i < 5_000; i++) {
      batch.put(encodeEntryKey(3, { high: Math.imul(i, 2_654_435_761) >>> 0, low: 0 }, Buffer.from("k")), Buffer.from(String(i)));
    }
    const highs: number[] = [];
    new RowOrder().read(
      batch.bytes(),
      (key) => highs.push(key.readUInt32BE(4)),
      () => assert.fail("nothing is deleted"),
    );
    assert.equal(highs.length, 5_000);
    assert.ok(highs.every((high, i) => i === 0 || high >= (highs[i - 1] as number)));
  });
});
