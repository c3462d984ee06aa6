import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seededRandom } from "../../src/base/random.js";
import { AbsenceFilter } from "../../src/replica/absence-filter.js";
import { tokenOf } from "../../src/ring/token.js";

/** Uniform tokens, as murmur3 makes them. */
function tokens(seed: number, count: number): { high: number; low: number }[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => ({ high: random.below(2 ** 32), low: random.below(2 ** 32) }));
}

function completed(sizeBytes: number): AbsenceFilter {
  const filter = new AbsenceFilter(sizeBytes);
  filter.complete();
  return filter;
}

/**
 * What a blocked Bloom filter says "maybe" to, of absent keys (Putze, Sanders, Singler 2007, section 3): the keys of a block are Poisson
 * distributed, and each block is a Bloom filter of its own.
 */
function theoreticalShare(bitsPerEntry: number): number {
  const mean = 512 / bitsPerEntry;
  let share = 0;
  for (let keys = 0, probability = Math.exp(-mean); keys < 400; keys++, probability *= mean / keys) {
    share += probability * (1 - (1 - 1 / 512) ** (6 * keys)) ** 6;
  }
  return share;
}

describe("an absence filter", () => {
  test("never says of a key that was added that it is absent, however full it is", () => {
    const filter = completed(2 ** 12);
    for (const mapId of [1, 2, 70_000, 2 ** 32 - 1]) {
      const added = tokens(mapId, 5_000);
      for (const [i, { high, low }] of added.entries()) {
        filter.add(mapId, high, low);
        // Also with the signed halves that a pending key has.
        if (i % 2 === 0) filter.add(mapId, high | 0, low | 0);
        assert.equal(filter.isAbsent(mapId, high, low), false);
        assert.equal(filter.isAbsent(mapId, high | 0, low | 0), false);
      }
      for (const { high, low } of added) assert.equal(filter.isAbsent(mapId, high, low), false);
    }
  });

  for (const bitsPerEntry of [10, 5, 20]) {
    test(`says "maybe" to as few absent keys as the theory says, at ${bitsPerEntry} bits for each key`, () => {
      const filter = completed(2 ** 17);
      for (const { high, low } of tokens(1, Math.floor((2 ** 17 * 8) / bitsPerEntry))) filter.add(7, high, low);
      const asked = tokens(2, 400_000);
      const share = asked.filter(({ high, low }) => !filter.isAbsent(7, high, low)).length / asked.length;
      const expected = theoreticalShare(bitsPerEntry);
      assert.ok(Math.abs(share / expected - 1) < 0.1, `${share} where the theory says ${expected}`);
    });
  }

  test("spreads the keys of one canister, whose tokens begin with the same bits, as well", () => {
    const filter = completed(2 ** 14);
    const near = ({ high, low }: { high: number; low: number }): [number, number] => [(0x7fe00000 | (high >>> 12)) >>> 0, low];
    for (const token of tokens(3, 13_107)) filter.add(7, ...near(token));
    const asked = tokens(4, 200_000);
    const share = asked.filter((token) => !filter.isAbsent(7, ...near(token))).length / asked.length;
    assert.ok(Math.abs(share / theoreticalShare(10) - 1) < 0.1, `${share}`);
  });

  test("keeps the keys of several maps apart", () => {
    const filter = completed(2 ** 17);
    const keys = Array.from({ length: 50_000 }, (_, i) => tokenOf(Buffer.from(`key-${i}`)));
    for (const { high, low } of keys) filter.add(1, high, low);
    for (const mapId of [2, 3, 257, 65_537]) {
      const maybes = keys.filter(({ high, low }) => !filter.isAbsent(mapId, high, low)).length;
      assert.ok(maybes < keys.length * 0.01, `${maybes} of map ${mapId}`);
    }
  });

  test("says nothing but maybe until it is complete", () => {
    const filter = new AbsenceFilter(64);
    assert.equal(filter.isAbsent(1, 2, 3), false);
    filter.complete();
    assert.equal(filter.isAbsent(1, 2, 3), true);
    filter.add(1, 2, 3);
    assert.equal(filter.isAbsent(1, 2, 3), false);
  });

  test("that was given up keeps no memory, and says maybe for ever", () => {
    const filter = completed(2 ** 20);
    filter.giveUp();
    assert.equal(filter.sizeBytes, 64);
    filter.add(1, 2, 3);
    for (const { high, low } of tokens(5, 100)) assert.equal(filter.isAbsent(1, high, low), false);
    assert.throws(() => filter.complete(), /given up/);
  });

  test("has a size that is a power of two", () => {
    for (const sizeBytes of [0, 32, 100, 3 * 2 ** 20]) assert.throws(() => new AbsenceFilter(sizeBytes), /power of two/);
    assert.equal(new AbsenceFilter(2 ** 20).usefulEntriesMost, Math.floor(2 ** 23 / 5));
  });
});
