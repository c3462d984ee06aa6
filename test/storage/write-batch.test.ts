import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readWriteBatch, WriteBatch } from "../../src/storage/write-batch.js";

type Row = [key: string, value: string | undefined];

function unpack(packed: Uint8Array): Row[] {
  const rows: Row[] = [];
  readWriteBatch(
    packed,
    (key, value) => rows.push([key.toString("hex"), value.toString("hex")]),
    (key) => rows.push([key.toString("hex"), undefined]),
  );
  return rows;
}

describe("a write batch", () => {
  test("has golden bytes", () => {
    const batch = new WriteBatch();
    batch.put(Buffer.from("k"), Buffer.from("vv"));
    batch.delete(Buffer.from("gone"));
    const packed = batch.bytes().toString("hex");
    assert.equal(packed, "01" + "01000000" + "02000000" + "6b" + "7676" + "02" + "04000000" + "00000000" + "676f6e65");
    assert.equal(batch.count, 2);
  });

  test("gives back its rows in order, whatever it started with and however they were written", () => {
    const row = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 30 }), fc.option(fc.uint8Array({ maxLength: 60 })), fc.boolean());
    fc.assert(
      fc.property(fc.array(row, { maxLength: 30 }), fc.integer({ min: 0, max: 200 }), (rows, initialBytes) => {
        const batch = new WriteBatch(initialBytes);
        for (const [key, value, reserved] of rows) {
          if (!reserved) {
            if (value === null) batch.delete(key);
            else batch.put(key, value);
            continue;
          }
          const target = value === null ? batch.reserveDelete(key.length) : batch.reservePut(key.length, value.length);
          target.set(key, batch.lastOffset);
          if (value !== null) target.set(value, batch.lastOffset + key.length);
        }
        assert.equal(batch.count, rows.length);
        assert.equal(batch.bytes().length, batch.sizeBytes);
        const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
        assert.deepEqual(
          unpack(batch.bytes()),
          rows.map(([key, value]) => [hex(key), value === null ? undefined : hex(value)]),
        );
      }),
      { seed: 41, numRuns: 500 },
    );
  });
});
