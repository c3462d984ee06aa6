import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PackedKeys, readPackedKeys, valueMaxBytesOf } from "../../src/storage/packed-keys.js";
import { PackedValues, packValues, wholeValues } from "../../src/storage/packed-values.js";

const valueLists = fc.array(fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }), { maxLength: 20 });

test("packed values come back, absent and empty ones told apart", () => {
  fc.assert(
    fc.property(valueLists, (values) => {
      const copies = unpack(values, wholeValues)
        .copy()
        .map((value) => value && Uint8Array.from(value));
      assert.deepEqual(
        copies,
        values.map((value) => value && Uint8Array.from(value)),
      );
    }),
    { seed: 42, numRuns: 300 },
  );
});

test("of values that are cut, the first bytes and the whole length come back", () => {
  fc.assert(
    fc.property(valueLists, fc.nat({ max: 24 }), (values, valueMaxBytes) => {
      const packed = unpack(values, valueMaxBytes);
      for (const value of values) {
        assert.equal(packed.next(), true);
        assert.equal(packed.isAbsent, value === undefined);
        assert.equal(packed.valueBytes, value?.length ?? 0);
        const kept = packed.bytes.subarray(packed.start, packed.end);
        assert.deepEqual(Uint8Array.from(kept), Uint8Array.from(value ?? []).slice(0, valueMaxBytes));
      }
      assert.equal(packed.next(), false);
    }),
    { seed: 43, numRuns: 300 },
  );
});

test("packed keys come back, also from memory that was used before", () => {
  const packed = new PackedKeys(8);
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.nat(), (keys, valueMaxBytes) => {
      packed.clear();
      for (const key of keys) packed.add(key);
      assert.equal(packed.count, keys.length);
      const sent = packed.bytes(valueMaxBytes);
      assert.equal(sent.length, packed.sizeBytes);
      assert.equal(valueMaxBytesOf(sent), valueMaxBytes);
      assert.deepEqual(
        readPackedKeys(sent).map((key) => Uint8Array.from(key)),
        keys.map((key) => Uint8Array.from(key)),
      );
    }),
    { seed: 44, numRuns: 300 },
  );
});

function unpack(values: readonly (Uint8Array | undefined)[], valueMaxBytes: number): PackedValues {
  const packed = packValues(values, valueMaxBytes);
  const unpacked = new PackedValues();
  unpacked.reset(packed, packed.length);
  return unpacked;
}
