import { describe, test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { bytes, decode, encodeKey, encodeValue, json, utf8 } from "../../src/client/codec.js";
import { limits } from "../../src/base/limits.js";

describe("codecs", () => {
  test("well-formed text survives utf8", () => {
    const property = fc.property(fc.string({ unit: "grapheme" }), (text) => assert.equal(decode(utf8, encodeValue(utf8, text)), text));
    fc.assert(property, { seed: 1, numRuns: 300 });
  });

  test("any bytes survive, as a copy of their own, small or large", () => {
    const property = fc.property(fc.uint8Array({ maxLength: 5_000 }), (stored) => {
      const copy = decode(bytes, stored);
      assert.deepEqual(copy, Uint8Array.from(stored));
      stored.fill(7);
      assert.notEqual(copy.buffer, stored.buffer);
    });
    fc.assert(property, { seed: 2, numRuns: 300 });
  });

  test("copies do not share bytes with each other", () => {
    const copies = Array.from({ length: 1_000 }, (_, i) => decode(bytes, new Uint8Array(100).fill(i)));
    copies.forEach((copy, i) => assert.ok(copy.length === 100 && copy.every((byte) => byte === (i & 0xff))));
  });

  test("JSON survives", () => {
    const property = fc.property(fc.jsonValue(), (value) =>
      assert.deepEqual(decode(json(), encodeValue(json(), value)), JSON.parse(JSON.stringify(value))),
    );
    fc.assert(property, { seed: 3, numRuns: 300 });
  });

  test("bytes that are not UTF-8 are refused, a real U+FFFD is not", () => {
    for (const stored of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
      assert.throws(() => decode(utf8, Uint8Array.from(stored)), { code: "CODEC_FAILED" });
    }
    assert.equal(decode(utf8, Buffer.from("\ufffd")), "\ufffd");
  });

  test("what a codec throws is the cause of CODEC_FAILED", () => {
    const cause = new RangeError("no");
    const broken = {
      encode: () => {
        throw cause;
      },
      decode: () => {
        throw cause;
      },
    };
    assert.throws(() => encodeValue(broken, 1), { code: "CODEC_FAILED", cause });
    assert.throws(() => decode(broken, new Uint8Array(1)), { code: "CODEC_FAILED", cause });
    assert.throws(() => encodeKey({ encode: () => 5 as never, decode: () => 5 }, 5), { code: "CODEC_FAILED" });
  });

  test("a key's limit is counted in bytes, exactly", () => {
    assert.equal(encodeKey(utf8, "k".repeat(limits.keyMaxBytes)).length, limits.keyMaxBytes);
    assert.throws(() => encodeKey(utf8, `${"k".repeat(limits.keyMaxBytes - 1)}é`), { code: "KEY_TOO_LARGE" });
    assert.throws(() => encodeKey(bytes, new Uint8Array(0)), { code: "KEY_EMPTY" });
  });
});
