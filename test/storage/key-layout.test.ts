import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { HashRange } from "../../src/ring/hash-range.js";
import { tokenSpaceEnd } from "../../src/ring/hash-range.js";
import { compareTokens, type Token } from "../../src/ring/token.js";
import type { KeyRange } from "../../src/storage/storage-engine.js";
import { hasCode } from "./text-rows.js";
import {
  assertEntryValue,
  canisterKey,
  deltaKey,
  encodeEntryKey,
  encodeUint48,
  entryHeaderBytes,
  entryKeyRange,
  keyOfEntryKey,
  layoutVersion,
  systemKey,
  systemKeyRange,
  systemKind,
  tokenOfEntryKey,
  versionOfEntryValue,
  writeEntryHeader,
} from "../../src/storage/key-layout.js";

function entryValue(version: number, value: Uint8Array): Buffer {
  const stored = Buffer.alloc(entryHeaderBytes + value.length, 0xee);
  writeEntryHeader(stored, 0, version, value.length);
  stored.set(value, entryHeaderBytes);
  return stored;
}

function isCorrupt(stored: Uint8Array): boolean {
  try {
    assertEntryValue(stored);
    return false;
  } catch (error) {
    return hasCode("STORAGE_CORRUPT")(error);
  }
}

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const token: fc.Arbitrary<Token> = fc.record({ high: uint32, low: uint32 });
const mapId = fc.integer({ min: 1, max: 2 ** 32 - 2 });
const keyBytes = fc.uint8Array({ minLength: 1, maxLength: 6 });

describe("golden bytes of layout version 1", () => {
  test("entry key", () => {
    const key = encodeEntryKey(7, { high: 0x01020304, low: 0xfffefdfc }, Buffer.from("alice"));
    assert.equal(key.toString("hex"), "00000007" + "01020304fffefdfc" + "616c696365");
  });

  test("entry value", () => {
    // check = 1 (layout) + 5 (value bytes) + 0x0000 + 0x0102 + 0x0304 (version's words) = 0x040c
    const hello = entryValue(0x01020304, Buffer.from("hello"));
    assert.equal(hello.toString("hex"), "0100" + "040c" + "000001020304" + "000000000000" + "68656c6c6f");
    // 0xffff + 0xffff + 0xffff + 1 + 0 mod 65521 = 43: the check is a remainder, not a cut.
    assert.equal(entryValue(2 ** 48 - 1, Buffer.alloc(0)).toString("hex"), "0100" + "002b" + "ffffffffffff" + "000000000000");
  });

  test("system keys", () => {
    assert.equal(systemKey(systemKind.layout, Buffer.alloc(0)).toString("hex"), "0000000056");
    assert.equal(systemKey(systemKind.meta, Buffer.from("map/1")).toString("hex"), "000000004d" + "6d61702f31");
    assert.equal(canisterKey(0x0102030405).toString("hex"), "0000000043" + "000102030405");
    assert.equal(deltaKey(2 ** 48 - 1).toString("hex"), "0000000044" + "ffffffffffff");
    assert.equal(encodeUint48(258).toString("hex"), "000000000102");
    assert.equal(layoutVersion, 1);
  });

  test("ranges", () => {
    const hex = ({ start, end }: KeyRange): string[] => [start, end].map((bound) => Buffer.from(bound).toString("hex"));
    const first: HashRange = { start: { high: 0, low: 0 }, end: { high: 0x80000000, low: 1 } };
    assert.deepEqual(hex(entryKeyRange(7, first)), ["00000007" + "0000000000000000", "00000007" + "8000000000000001"]);
    const last: HashRange = { start: { high: 0x80000000, low: 1 }, end: tokenSpaceEnd };
    assert.deepEqual(hex(entryKeyRange(7, last)), ["00000007" + "8000000000000001", "00000008"]);
    assert.deepEqual(hex(systemKeyRange(systemKind.delta)), ["0000000044", "0000000045"]);
  });
});

test("entry keys come back apart", () => {
  fc.assert(
    fc.property(mapId, token, keyBytes, (id, position, key) => {
      const encoded = encodeEntryKey(id, position, key);
      assert.equal(compareTokens(tokenOfEntryKey(encoded), position), 0);
      assert.ok(Buffer.from(key).equals(keyOfEntryKey(encoded)));
    }),
    { seed: 31, numRuns: 500 },
  );
});

test("order of entry keys is order of (mapId, token, key)", () => {
  const near = fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1);
  const entry = fc.tuple(fc.oneof(mapId, fc.constantFrom(1, 2, 255, 256)), fc.oneof(token, fc.record({ high: near, low: near })), keyBytes);
  fc.assert(
    fc.property(entry, entry, ([leftId, leftToken, leftKey], [rightId, rightToken, rightKey]) => {
      const expected = leftId - rightId || compareTokens(leftToken, rightToken) || Buffer.compare(leftKey, rightKey);
      const actual = Buffer.compare(encodeEntryKey(leftId, leftToken, leftKey), encodeEntryKey(rightId, rightToken, rightKey));
      assert.equal(Math.sign(actual), Math.sign(expected));
    }),
    { seed: 32, numRuns: 2000 },
  );
});

test("a key lies in the stored range exactly if its token lies in the hash range, with any cut", () => {
  fc.assert(
    fc.property(mapId, token, token, keyBytes, (id, cut, position, key) => {
      const encoded = encodeEntryKey(id, position, key);
      const right = entryKeyRange(id, { start: cut, end: tokenSpaceEnd });
      const inRight = Buffer.compare(encoded, right.start) >= 0 && Buffer.compare(encoded, right.end) < 0;
      assert.equal(inRight, compareTokens(position, cut) >= 0);
    }),
    { seed: 33, numRuns: 1000 },
  );
});

test("entry values come back, and a header is accepted at any offset", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.uint8Array({ maxLength: 40 }), fc.nat(20), (version, value, offset) => {
      const frame = Buffer.alloc(offset + entryHeaderBytes + value.length, 0xcc);
      writeEntryHeader(frame, offset, version, value.length);
      frame.set(value, offset + entryHeaderBytes);
      const stored = frame.subarray(offset);
      assertEntryValue(stored);
      assert.equal(versionOfEntryValue(stored), version);
      assert.ok(stored.equals(entryValue(version, value)));
    }),
    { seed: 34, numRuns: 500 },
  );
});

test("one wrong byte in an entry's header is always STORAGE_CORRUPT", () => {
  for (const version of [0, 1, 0xfff1, 0xffff, 0x01020304, 2 ** 48 - 1]) {
    for (const value of [Buffer.alloc(0), Buffer.from("hello"), Buffer.alloc(65521)]) {
      const stored = entryValue(version, value);
      for (let at = 0; at < entryHeaderBytes; at++) {
        const right = stored[at] as number;
        for (let byte = 0; byte < 256; byte++) {
          if (right === byte) continue;
          stored[at] = byte;
          assert.equal(isCorrupt(stored), true, `version ${version}, ${value.length} B, byte ${at} = ${byte}`);
        }
        stored[at] = right;
      }
    }
  }
});

test("an entry cut short, or with bytes added, is STORAGE_CORRUPT", () => {
  const good = entryValue(77, Buffer.from("a value of some length"));
  for (let length = 0; length < good.length; length++) assert.equal(isCorrupt(good.subarray(0, length)), true);
  assert.equal(isCorrupt(Buffer.concat([good, Buffer.of(0)])), true);
});
