import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.js";
import { evenRanges, rangeContains, tokenSpaceEnd, type HashRange } from "../../src/ring/hash-range.js";
import { Ring, type RingEntry } from "../../src/ring/ring.js";
import { compareTokens, formatToken, tokenOf, type Token } from "../../src/ring/token.js";

const uint32 = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }, fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1));
const token = fc.record({ high: uint32, low: uint32 });

/** A ring that begins a range at 0 and at each of the tokens. */
function ringWithStarts(starts: readonly Token[]): Ring {
  const ordered = [{ high: 0, low: 0 }, ...starts].sort(compareTokens);
  const sorted = ordered.filter((start, i) => i === 0 || compareTokens(ordered[i - 1] ?? start, start) !== 0);
  const entries = sorted.map((start, i): RingEntry => {
    const range: HashRange = { start, end: sorted[i + 1] ?? tokenSpaceEnd };
    return { range, canisterId: 1_000 - i, replicaId: `r${i % 3}` };
  });
  return new Ring(sorted.length, entries);
}

describe("a ring", () => {
  test("finds the range of any token as a search from the first to the last does", () => {
    fc.assert(
      fc.property(fc.array(token, { maxLength: 60 }), fc.array(token, { minLength: 1 }), (starts, tokens) => {
        const ring = ringWithStarts(starts);
        const entries = ring.entries();
        for (const { high, low } of [...tokens, ...starts]) {
          const naive = entries.findIndex(({ range }) => rangeContains(range, high, low));
          assert.equal(ring.indexOf(high, low), naive);
          assert.deepEqual(ring.entryAt(naive), entries[naive]);
        }
      }),
      { seed: 8, numRuns: 500 },
    );
  });

  test("gives back the entries it was made of", () => {
    fc.assert(
      fc.property(fc.array(token, { maxLength: 40 }), (starts) => {
        const ring = ringWithStarts(starts);
        assert.deepEqual(new Ring(ring.version, ring.entries()).entries(), ring.entries());
        assert.equal(new Set(ring.replicaIds).size, Math.min(3, ring.size));
      }),
      { seed: 9, numRuns: 200 },
    );
  });

  test("holds canister numbers up to the largest", () => {
    const entries = evenRanges(2).map((range, i) => ({ range, canisterId: 2 ** 48 - 1 - i, replicaId: "r" }));
    assert.deepEqual(
      new Ring(1, entries).entries().map(({ canisterId }) => canisterId),
      [2 ** 48 - 1, 2 ** 48 - 2],
    );
  });

  test("looks keys up as it always did", () => {
    const random = seededRandom(2024);
    const ring = ringWithStarts(Array.from({ length: 99 }, () => ({ high: random.uint32(), low: random.uint32() })));
    assert.equal(ring.size, 100);
    assert.deepEqual(
      [0, 1, 50, 99].map((i) => formatToken(ring.rangeAt(i).start)),
      goldenStarts,
    );
    const found = Array.from({ length: 12 }, (_, i) => tokenOf(Buffer.from(`key-${i}`))).map(({ high, low }) => ring.indexOf(high, low));
    assert.deepEqual(found, goldenPlaces);
  });

  test("is not made of ranges with a gap, an overlap, the wrong order or a missing end", () => {
    const entries = evenRanges(4).map((range, i): RingEntry => ({ range, canisterId: i + 1, replicaId: "r" }));
    const [first, second, third, fourth] = entries as [RingEntry, RingEntry, RingEntry, RingEntry];
    const overlap = { ...second, range: { start: { high: 1, low: 0 }, end: second.range.end } };
    const backward = { ...second, range: { start: second.range.start, end: { high: 1, low: 0 } } };
    const broken = [
      [],
      [second, third, fourth],
      [first, third, fourth],
      [first, second, third],
      [second, first, third, fourth],
      [first, overlap, third, fourth],
      [first, second, second, third, fourth],
      [first, backward, third, fourth],
    ];
    const isInternal = (error: unknown): boolean => (error as { code?: string }).code === "INTERNAL";
    for (const wrong of broken) assert.throws(() => new Ring(1, wrong), isInternal);
    assert.equal(new Ring(1, entries).size, 4);
  });
});

const goldenStarts = ["0000000000000000", "0119d8df95457a47", "7a77d61c1615decd", "ffe4e2f1e83f1d26"];
const goldenPlaces = [82, 89, 24, 57, 80, 85, 7, 95, 70, 57, 37, 32];
