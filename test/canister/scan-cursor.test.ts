import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { limits } from "../../src/base/limits.js";
import { decodeCursor, encodeCursor } from "../../src/canister/scan-cursor.js";
import { tokenOf } from "../../src/ring/token.js";

const settings = { seed: 20_261_125, numRuns: 300 };
const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const token = fc.tuple(uint32, uint32).map(([high, low]) => ({ high, low }));
const bytes = fc.uint8Array({ maxLength: 40 });

describe("a scan cursor", () => {
  test("comes back as it was made", () => {
    fc.assert(
      fc.property(
        uint32,
        bytes,
        token,
        fc.oneof(bytes, fc.uint8Array({ minLength: limits.keyMaxBytes, maxLength: limits.keyMaxBytes })),
        (mapId, prefix, at, key) => {
          const position = decodeCursor(encodeCursor(mapId, prefix, { token: at, key }), mapId, prefix);
          assert.deepEqual({ token: position.token, key: Uint8Array.from(position.key) }, { token: at, key });
        },
      ),
      settings,
    );
  });

  test("has these bytes", () => {
    const key = Buffer.from("alice");
    const cursor = encodeCursor(7, Buffer.from("al"), { token: tokenOf(key), key });
    assert.equal(cursor.toString("hex"), "015c50c6f4000000078919f342529f1ff5da7b23b3616c696365");
  });

  test("is refused with any byte changed, cut off or added", () => {
    fc.assert(
      fc.property(bytes, token, bytes, fc.integer({ min: 1, max: 255 }), (prefix, at, key, flip) => {
        const cursor = encodeCursor(7, prefix, { token: at, key });
        for (let i = 0; i < cursor.length; i++) {
          const damaged = Buffer.from(cursor);
          damaged[i] = (damaged[i] as number) ^ flip;
          assert.throws(() => decodeCursor(damaged, 7, prefix), { code: "CURSOR_INVALID" }, `byte ${i}`);
          assert.throws(() => decodeCursor(cursor.subarray(0, i), 7, prefix), { code: "CURSOR_INVALID" }, `${i} B`);
        }
        assert.throws(() => decodeCursor(Buffer.concat([cursor, Buffer.of(flip)]), 7, prefix), { code: "CURSOR_INVALID" });
      }),
      { ...settings, numRuns: 60 },
    );
  });

  test("is refused by another map and by a scan with another prefix", () => {
    fc.assert(
      fc.property(uint32, uint32, bytes, bytes, token, bytes, (mapId, otherMapId, prefix, otherPrefix, at, key) => {
        const cursor = encodeCursor(mapId, prefix, { token: at, key });
        if (mapId !== otherMapId) assert.throws(() => decodeCursor(cursor, otherMapId, prefix), { code: "CURSOR_INVALID" });
        if (Buffer.compare(prefix, otherPrefix) !== 0)
          assert.throws(() => decodeCursor(cursor, mapId, otherPrefix), { code: "CURSOR_INVALID" });
      }),
      settings,
    );
  });
});
