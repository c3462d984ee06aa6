import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  canCutAt,
  cutRange,
  equalRanges,
  equalTokens,
  evenRanges,
  formatRange,
  rangeContains,
  rangeShare,
  tokenSpaceEnd,
  wholeTokenSpace,
  type HashRange,
} from "../../src/ring/hash-range.js";
import type { Token } from "../../src/ring/token.js";

const end = 1n << 64n;
const numberOf = ({ high, low }: Token): bigint => (BigInt(high) << 32n) + BigInt(low);
const tokenAt = (position: bigint): Token => ({ high: Number(position >> 32n), low: Number(position & 0xffffffffn) });
const position = fc.oneof(
  fc.bigInt({ min: 0n, max: end - 1n }),
  fc.constantFrom(0n, 1n, (1n << 32n) - 1n, 1n << 32n, (1n << 32n) + 1n, 1n << 63n, end - 2n, end - 1n),
);
const range = fc
  .tuple(position, fc.oneof(position, fc.constant(end)))
  .filter(([left, right]) => left !== right)
  .map(([left, right]): HashRange => ({ start: tokenAt(left < right ? left : right), end: tokenAt(left < right ? right : left) }));

describe("a hash range", () => {
  test("contains its first token and not its end, as 64-bit numbers do", () => {
    fc.assert(
      fc.property(range, position, (current, at) => {
        const { high, low } = tokenAt(at);
        assert.equal(rangeContains(current, high, low), numberOf(current.start) <= at && at < numberOf(current.end));
        assert.ok(rangeContains(current, current.start.high, current.start.low));
        assert.ok(!rangeContains(current, current.end.high, current.end.low));
      }),
      { seed: 5, numRuns: 2_000 },
    );
  });

  test("is cut into two that have each of its tokens once, or not at all", () => {
    fc.assert(
      fc.property(range, position, position, (current, at, sample) => {
        const cut = tokenAt(at);
        const fits = numberOf(current.start) < at && at < numberOf(current.end);
        assert.equal(canCutAt(current, cut), fits);
        if (!fits) {
          assert.throws(
            () => cutRange(current, cut),
            (error: unknown) => (error as { code?: string }).code === "INVALID_ARGUMENT",
          );
          return;
        }
        const { high, low } = tokenAt(sample);
        const holding = cutRange(current, cut).filter((half) => rangeContains(half, high, low));
        assert.equal(holding.length, rangeContains(current, high, low) ? 1 : 0);
      }),
      { seed: 6, numRuns: 2_000 },
    );
  });

  test("equals only the range with the same ends", () => {
    fc.assert(
      fc.property(range, range, (left, right) => {
        assert.ok(equalRanges(left, { start: { ...left.start }, end: { ...left.end } }));
        const sameStart = numberOf(left.start) === numberOf(right.start);
        assert.equal(equalRanges(left, right), sameStart && numberOf(left.end) === numberOf(right.end));
        assert.equal(equalTokens(left.start, right.start), numberOf(left.start) === numberOf(right.start));
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  test("prints for people", () => {
    assert.equal(formatRange(wholeTokenSpace), "[0000000000000000, 2^64)");
    const range = { start: { high: 1, low: 2 }, end: { high: 0xffffffff, low: 0xffffffff } };
    assert.equal(formatRange(range), "[0000000100000002, ffffffffffffffff)");
  });
});

describe("even ranges", () => {
  test("cover the token space in order, with widths that differ by at most one token", () => {
    for (const count of [1, 2, 3, 4, 7, 129, 1_000, 4_096]) {
      const ranges = evenRanges(count);
      assert.equal(ranges.length, count);
      assert.deepEqual([ranges[0]?.start, ranges.at(-1)?.end], [wholeTokenSpace.start, tokenSpaceEnd]);
      assert.ok(ranges.every((current, i) => i === 0 || equalTokens(ranges[i - 1]?.end ?? current.end, current.start)));
      const widths = ranges.map((current) => numberOf(current.end) - numberOf(current.start));
      const narrowest = widths.reduce((least, width) => (width < least ? width : least));
      assert.ok(widths.every((width) => width - narrowest <= 1n));
      assert.ok(Math.abs(ranges.reduce((sum, current) => sum + rangeShare(current), 0) - 1) < 1e-9);
    }
  });
});
