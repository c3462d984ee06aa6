import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.js";
import { cutRange, canCutAt, evenRanges, rangeContains, tokenSpaceEnd, type HashRange } from "../../src/ring/hash-range.js";
import { Ring, type RingColumns, type RingEntry } from "../../src/ring/ring.js";
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

  test("finds the range of any token where most ranges lie close together", () => {
    const near = fc.record({ high: fc.integer({ min: 0x7fffffff, max: 0x80000001 }), low: uint32 });
    fc.assert(
      fc.property(
        fc.array(near, { minLength: 100, maxLength: 300 }),
        fc.array(fc.oneof(near, token), { minLength: 1 }),
        (starts, tokens) => {
          const ring = ringWithStarts(starts);
          const entries = ring.entries();
          for (const { high, low } of [...tokens, ...starts]) {
            const naive = entries.findIndex(({ range }) => rangeContains(range, high, low));
            assert.equal(ring.indexOf(high, low), naive);
          }
        },
      ),
      { seed: 10, numRuns: 100 },
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
    for (const wrong of broken) assert.throws(() => new Ring(1, wrong), isInternal);
    assert.equal(new Ring(1, entries).size, 4);
  });

  test("is made of columns as of entries, unless they are no partition", () => {
    const columns: RingColumns = {
      startHigh: Uint32Array.of(0, 5, 5, 2 ** 32 - 1),
      startLow: Uint32Array.of(0, 7, 8, 0),
      canisterIds: Float64Array.of(4, 3, 2 ** 48 - 1, 1),
      replicaIndexes: Uint32Array.of(0, 1, 1, 0),
      replicaIds: ["a", "b"],
    };
    const ring = new Ring(9, columns);
    assert.deepEqual(new Ring(9, ring.entries()).entries(), ring.entries());
    assert.deepEqual(ring.entryAt(1), { range: { start: { high: 5, low: 7 }, end: { high: 5, low: 8 } }, canisterId: 3, replicaId: "b" });
    const broken: Partial<RingColumns>[] = [
      { startHigh: Uint32Array.of(1, 5, 5, 2 ** 32 - 1) },
      { startLow: Uint32Array.of(1, 7, 8, 0) },
      { startLow: Uint32Array.of(0, 7, 7, 0) },
      { startHigh: Uint32Array.of(0, 5, 4, 2 ** 32 - 1) },
      { startHigh: Uint32Array.of(0, 5, 5) },
      { startLow: Uint32Array.of(0, 7, 8) },
      { canisterIds: Float64Array.of(1) },
      { replicaIndexes: Uint32Array.of(0, 1, 2, 0) },
      { replicaIds: [] },
    ];
    for (const wrong of broken) assert.throws(() => new Ring(9, { ...columns, ...wrong }), isInternal);
    const empty = { startHigh: new Uint32Array(0), startLow: new Uint32Array(0), replicaIds: [] };
    const nothing = { ...empty, canisterIds: new Float64Array(0), replicaIndexes: new Uint32Array(0) };
    assert.throws(() => new Ring(9, nothing), isInternal);
  });
});

describe("a ring of which ranges are replaced", () => {
  const cut = fc.record({ at: token, childId: fc.integer({ min: 1, max: 2 ** 48 - 1 }), replica: fc.integer({ min: 0, max: 4 }) });

  test("is the ring that its entries make, split after split, and leaves the one before as it was", () => {
    fc.assert(
      fc.property(fc.array(token, { maxLength: 20 }), fc.array(cut, { minLength: 1, maxLength: 20 }), (starts, cuts) => {
        let ring = ringWithStarts(starts);
        let version = ring.version;
        for (const { at, childId, replica } of cuts) {
          const before = ring.entries();
          const place = ring.indexOf(at.high, at.low);
          const parent = ring.entryAt(place);
          if (!canCutAt(parent.range, at)) continue;
          const [left, right] = cutRange(parent.range, at);
          const halves = [
            { ...parent, range: left },
            { range: right, canisterId: childId, replicaId: `r${replica}` },
          ];
          const after = ring.withEntries(++version, halves);
          assert.deepEqual(ring.entries(), before);
          ring = assertSameRing(after, new Ring(version, before.toSpliced(place, 1, ...halves)));
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  test("joins ranges and moves them to other replicas too", () => {
    const run = fc.record({
      from: fc.nat(30),
      count: fc.integer({ min: 1, max: 5 }),
      pieces: fc.integer({ min: 1, max: 5 }),
      replica: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(token, { minLength: 5, maxLength: 30 }), fc.array(run, { minLength: 1, maxLength: 10 }), (starts, runs) => {
        let ring = ringWithStarts(starts);
        for (const { from, count, pieces, replica } of runs) {
          const before = ring.entries();
          const first = from % ring.size;
          const replaced = before.slice(first, first + count);
          const entries = joined(replaced, pieces).map((entry) => ({ ...entry, replicaId: `r${replica}` }));
          const after = ring.withEntries(7, entries);
          ring = assertSameRing(after, new Ring(7, before.toSpliced(first, count, ...entries)));
        }
      }),
      { seed: 12, numRuns: 300 },
    );
  });

  test("knows the places of what is made of whole ranges", () => {
    const ring = new Ring(
      1,
      evenRanges(8).map((range, i) => ({ range, canisterId: i + 1, replicaId: "r" })),
    );
    const start = (place: number): Token => (place < 8 ? ring.rangeAt(place).start : tokenSpaceEnd);
    for (let from = 0; from < 8; from++) {
      for (let to = from + 1; to <= 8; to++) assert.deepEqual(ring.placesOf({ start: start(from), end: start(to) }), { from, to });
    }
    for (const between of [
      { high: 0, low: 1 },
      { high: 2 ** 29, low: 1 },
      { high: 2 ** 32 - 1, low: 2 ** 32 - 1 },
    ]) {
      assert.equal(ring.placesOf({ start: between, end: tokenSpaceEnd }), undefined);
      assert.equal(ring.placesOf({ start: start(0), end: between }), undefined);
    }
    assert.equal(ring.placesOf({ start: start(3), end: start(3) }), undefined);
    assert.equal(ring.placesOf({ start: start(4), end: start(3) }), undefined);
  });

  test("refuses entries with a gap or an overlap, and such as do not fit between other ranges", () => {
    const ring = new Ring(
      1,
      evenRanges(4).map((range, i) => ({ range, canisterId: i + 1, replicaId: "r" })),
    );
    const [first, second, third] = ring.entries() as [RingEntry, RingEntry, RingEntry];
    const inside: Token = { high: 2 ** 30 + 1, low: 5 };
    const [left, right] = cutRange(second.range, inside);
    const broken = [
      [],
      [{ ...second, range: left }],
      [{ ...second, range: right }],
      [
        { ...second, range: right },
        { ...second, range: left },
      ],
      [{ ...second, range: left }, third],
      [first, third],
      [third, second],
      [first, second, second],
      [{ ...second, range: left }, second],
    ];
    for (const wrong of broken) assert.throws(() => ring.withEntries(2, wrong), isInternal);
  });
});

const isInternal = (error: unknown): boolean => (error as { code?: string }).code === "INTERNAL";

function assertSameRing(ring: Ring, expected: Ring): Ring {
  assert.deepEqual(ring.entries(), expected.entries());
  assert.deepEqual([ring.version, ring.size, ring.replicaIds], [expected.version, expected.size, expected.replicaIds]);
  for (const { range } of expected.entries()) {
    const { high, low } = range.start;
    assert.equal(ring.indexOf(high, low), expected.indexOf(high, low));
    assert.equal(ring.indexOf(high, 2 ** 32 - 1), expected.indexOf(high, 2 ** 32 - 1));
  }
  return ring;
}

/** The same part of the ring in at most `pieces` ranges. */
function joined(entries: readonly RingEntry[], pieces: number): RingEntry[] {
  const kept = entries.slice(0, pieces);
  const end = entries.at(-1)?.range.end ?? tokenSpaceEnd;
  return kept.map((entry, i) => ({ ...entry, range: { start: entry.range.start, end: kept[i + 1]?.range.start ?? end } }));
}

const goldenStarts = ["0000000000000000", "0119d8df95457a47", "7a77d61c1615decd", "ffe4e2f1e83f1d26"];
const goldenPlaces = [82, 89, 24, 57, 80, 85, 7, 95, 70, 57, 37, 32];
