import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import murmurhash from "murmurhash";
import { compareTokens, formatToken, murmur3, tokenHigh, tokenLow, tokenOf, tokenSeedHigh, tokenSeedLow } from "../../src/ring/token.js";

/** Published vectors of MurmurHash3_x86_32 (the SMHasher discussions; seed 0x9747b28c is theirs too): key in hex, seed, hash. */
const publishedVectors: readonly (readonly [string, number, number])[] = [
  ["", 0, 0],
  ["", 1, 0x514e28b7],
  ["", 0xffffffff, 0x81f16f39],
  ["ffffffff", 0, 0x76293b50],
  ["21436587", 0, 0xf55b516b],
  ["21436587", 0x5082edee, 0x2362f9de],
  ["214365", 0, 0x7e4a8634],
  ["2143", 0, 0xa0f7b07a],
  ["21", 0, 0x72661cf4],
  ["00000000", 0, 0x2362f9de],
  ["000000", 0, 0x85f0b427],
  ["0000", 0, 0x30f4c306],
  ["00", 0, 0x514e28b7],
  [Buffer.from("aaaa").toString("hex"), 0x9747b28c, 0x5a97808a],
  [Buffer.from("Hello, world!").toString("hex"), 0x9747b28c, 0x24884cba],
  [Buffer.from("The quick brown fox jumps over the lazy dog").toString("hex"), 0x9747b28c, 0x2fa826cd],
];

/** The token is part of the data format: a changed one makes every stored key unfindable. */
const goldenTokens: readonly (readonly [string, string])[] = [
  ["a", "7fa09ea6ba1e428e"],
  ["alice", "529f1ff5da7b23b3"],
  ["user:1000000", "9ab5fadf677a2e63"],
  ["schlüssel", "c7704367d63ae718"],
  ["\u0000", "2933bea812bc8390"],
  ["x".repeat(4096), "bf52312caf533606"],
];

const key = fc.uint8Array({ maxLength: 300 });

describe("the token of a key", () => {
  test("hashes as the published vectors say", () => {
    for (const [hex, seed, hash] of publishedVectors) {
      const bytes = Buffer.from(hex, "hex");
      assert.equal(murmur3(bytes, 0, bytes.length, seed), hash, `${hex} with seed ${seed}`);
    }
  });

  test("never changes", () => {
    for (const [text, token] of goldenTokens) assert.equal(formatToken(tokenOf(Buffer.from(text, "utf8"))), token, text.slice(0, 20));
  });

  test("equals the npm package murmurhash on any key", () => {
    fc.assert(
      fc.property(key, (bytes) => {
        const { high, low } = tokenOf(bytes);
        assert.deepEqual([high, low], [murmurhash.v3(bytes, tokenSeedHigh), murmurhash.v3(bytes, tokenSeedLow)]);
      }),
      { seed: 1, numRuns: 3_000 },
    );
  });

  test("does not depend on what lies around the key in its buffer", () => {
    fc.assert(
      fc.property(key, key, key, (before, bytes, after) => {
        const frame = Buffer.concat([before, bytes, after]);
        const end = before.length + bytes.length;
        const token = { high: tokenHigh(frame, before.length, end), low: tokenLow(frame, before.length, end) };
        assert.deepEqual(token, tokenOf(bytes));
      }),
      { seed: 2, numRuns: 1_000 },
    );
  });

  test("spreads keys that are alike over the whole token space", () => {
    const counts = new Array<number>(16).fill(0);
    for (let i = 0; i < 16_000; i++) {
      const place = tokenOf(Buffer.from(`user:${i}`)).high >>> 28;
      counts[place] = (counts[place] ?? 0) + 1;
    }
    assert.ok(
      counts.every((count) => count > 850 && count < 1_150),
      counts.join(" "),
    );
  });
});

describe("tokens", () => {
  test("have the order of their 64-bit numbers, and so have their 16 digits", () => {
    const uint32 = fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1));
    const token = fc.record({ high: uint32, low: uint32 });
    const number = ({ high, low }: { high: number; low: number }): bigint => (BigInt(high) << 32n) | BigInt(low);
    fc.assert(
      fc.property(token, token, (left, right) => {
        const order = number(left) < number(right) ? -1 : number(left) > number(right) ? 1 : 0;
        assert.equal(Math.sign(compareTokens(left, right)), order);
        assert.equal(formatToken(left) < formatToken(right) ? -1 : formatToken(left) > formatToken(right) ? 1 : 0, order);
        assert.equal(formatToken(left), number(left).toString(16).padStart(16, "0"));
      }),
      { seed: 4, numRuns: 2_000 },
    );
  });
});
