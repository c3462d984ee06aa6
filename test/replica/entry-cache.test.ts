import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.js";
import { EntryCache } from "../../src/replica/entry-cache.js";
import { tokenOf } from "../../src/ring/token.js";

interface Known {
  readonly version: number;
  readonly value: Buffer;
}

/** An entry cache by text keys, beside a plain Map that never forgets. */
class CheckedCache {
  readonly cache: EntryCache;
  readonly model = new Map<string, Known>();

  constructor(budgetBytes: number) {
    this.cache = new EntryCache(budgetBytes);
  }

  set(space: number, key: string, version: number, value: Buffer): void {
    const bytes = Buffer.from(key);
    const { high, low } = tokenOf(bytes);
    this.cache.set(space, high, low, version, bytes, 0, bytes.length, value, 0, value.length);
    this.model.set(`${space}/${key}`, { version, value });
  }

  /** True where the cache knows the entry; what it says must be what was set last. */
  find(space: number, key: string): boolean {
    const { cache } = this;
    const isSizeKnown = this.findSize(space, key);
    const bytes = Buffer.from(`##${key}##`);
    const { high, low } = tokenOf(bytes.subarray(2, bytes.length - 2));
    if (!cache.find(space, high, low, bytes, 2, bytes.length - 2)) return false;
    assert.ok(isSizeKnown);
    const known = this.model.get(`${space}/${key}`) as Known;
    assert.deepEqual(Buffer.from(cache.foundBytes.subarray(cache.foundValueStart, cache.foundValueEnd)), known.value);
    return true;
  }

  /** True where the cache knows the entry's version and size; they must be those that were set last. */
  findSize(space: number, key: string): boolean {
    const { cache } = this;
    const bytes = Buffer.from(key);
    const { high, low } = tokenOf(bytes);
    if (!cache.findSize(space, high, low, bytes, 0, bytes.length)) return false;
    const known = this.model.get(`${space}/${key}`);
    assert.ok(known !== undefined, `${space}/${key} was never set`);
    assert.equal(cache.foundAbsent, known.version === 0);
    assert.equal(cache.foundVersion, known.version);
    assert.equal(cache.foundValueBytes, known.value.length);
    return true;
  }
}

function valueOf(seed: number, bytes: number): Buffer {
  const value = Buffer.alloc(bytes, seed & 0xff);
  if (bytes >= 4) value.writeUInt32LE(seed >>> 0, 0);
  return value;
}

const smallBudget = 2 ** 20;

describe("the entry cache", () => {
  test("memory that the table needs as it grows is taken from the segments", () => {
    const budgetBytes = 4 * 2 ** 20 + 8 * 1024;
    const checked = new CheckedCache(budgetBytes);
    for (let i = 0; i < 100; i++) checked.set(1, `large ${i}`, i + 1, valueOf(i, 100_000));
    const largeBytes = checked.cache.sizeBytes;
    assert.ok(largeBytes > 4 * 2 ** 20, "large values fill all four segments");
    for (let i = 0; i < 30_000; i++) {
      checked.set(1, `small ${i}`, i + 1, valueOf(i, 8));
      if (i % 7 === 0) checked.set(2, `large ${i}`, i + 1, valueOf(i, 50_000));
      assert.ok(checked.cache.sizeBytes <= budgetBytes, `${checked.cache.sizeBytes} of ${budgetBytes}`);
      if (i % 100 === 0) for (let j = Math.max(0, i - 300); j <= i; j++) checked.find(1, `small ${j}`);
    }
    assert.ok(checked.find(1, "small 29999"));
    for (let i = 0; i < 30_000; i++) checked.find(1, `small ${i}`);
  });

  test("never says anything but what was set last, whatever it forgets", () => {
    const step = fc.record({
      key: fc.nat({ max: 400 }),
      space: fc.integer({ min: 1, max: 3 }),
      kind: fc.constantFrom("find", "find", "put", "put", "absent"),
      bytes: fc.oneof(
        { weight: 6, arbitrary: fc.nat({ max: 20_000 }) },
        { weight: 3, arbitrary: fc.constantFrom(0, 100, 5_000) },
        { weight: 1, arbitrary: fc.integer({ min: 200_000, max: 300_000 }) },
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 300, maxLength: 600 }), (steps) => {
        const checked = new CheckedCache(smallBudget);
        steps.forEach(({ key, space, kind, bytes }, i) => {
          if (kind === "find") checked.find(space, `key-${key}`);
          else if (kind === "absent") checked.set(space, `key-${key}`, 0, Buffer.alloc(0));
          else checked.set(space, `key-${key}`, i + 1, valueOf(i, bytes));
        });
        for (let key = 0; key <= 400; key++) for (const space of [1, 2, 3]) checked.find(space, `key-${key}`);
      }),
      { seed: 20_261_129, numRuns: 40 },
    );
  });

  test("stays within its budget and its table however many tiny entries come", () => {
    const checked = new CheckedCache(smallBudget);
    for (let i = 0; i < 100_000; i++) checked.set(1, `k${i}`, i + 1, valueOf(i, i % 3));
    assert.ok(checked.cache.sizeBytes <= 3 * 2 ** 20, `${checked.cache.sizeBytes} B`);
    assert.ok(checked.cache.entries < 2 ** 14);
    let found = 0;
    for (let i = 0; i < 100_000; i++) if (checked.find(1, `k${i}`)) found++;
    assert.equal(found, checked.cache.entries);
    assert.ok(checked.find(1, "k99999"));
  });

  test("takes no more memory for a value of the same size, and lets nothing go for it", () => {
    const checked = new CheckedCache(smallBudget);
    checked.set(1, "neighbour", 1, valueOf(1, 1_000));
    for (let i = 0; i < 10_000; i++) checked.set(1, "often", i + 1, valueOf(i, 1_000));
    assert.ok(checked.find(1, "neighbour"));
    assert.ok(checked.find(1, "often"));
    checked.set(1, "often", 0, Buffer.alloc(0));
    assert.ok(checked.find(1, "often"));
    for (const version of [2 ** 32 - 1, 2 ** 48 - 1, 7]) {
      checked.set(1, "often", version, valueOf(version, 500));
      assert.ok(checked.find(1, "often"));
    }
  });

  test("knows versions up to 2^48 and keys up to 4 KiB", () => {
    const checked = new CheckedCache(smallBudget);
    for (const version of [1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1]) {
      const key = "k".repeat(4_096 - (version % 7));
      checked.set(1, key, version, valueOf(version, 9));
      assert.ok(checked.find(1, key));
    }
  });

  test("keeps entries apart that share a token, and those of other spaces", () => {
    const { cache } = new CheckedCache(smallBudget);
    const keys = ["a", "ab", "b", "\0", "a\0"].map((text) => Buffer.from(text, "latin1"));
    for (const space of [1, 2]) keys.forEach((key, i) => cache.set(space, 7, 7, 10 * space + i, key, 0, key.length, key, 0, key.length));
    for (const space of [1, 2]) {
      keys.forEach((key, i) => {
        assert.ok(cache.find(space, 7, 7, key, 0, key.length));
        assert.equal(cache.foundVersion, 10 * space + i);
      });
    }
    assert.ok(!cache.find(3, 7, 7, keys[0] as Buffer, 0, 1));
    assert.ok(!cache.find(1, 7, 8, keys[0] as Buffer, 0, 1));
  });

  test("gives hot entries a second chance and lets cold ones go", () => {
    const checked = new CheckedCache(smallBudget);
    const random = seededRandom(5);
    const hot = Array.from({ length: 50 }, (_, i) => `hot-${i}`);
    for (const key of hot) checked.set(1, key, 1, valueOf(1, 500));
    for (let i = 0; i < 40_000; i++) {
      checked.set(1, `cold-${i}`, i + 1, valueOf(i, 100 + random.below(400)));
      if (i % 10 === 0) checked.find(1, hot[(i / 10) % hot.length] as string);
    }
    assert.equal(hot.filter((key) => checked.find(1, key)).length, hot.length);
    assert.ok(!checked.find(1, "cold-0"));
  });

  test("does not let go of much at once where its table is full", () => {
    const cache = new EntryCache(48 * 2 ** 20);
    const key = Buffer.alloc(8);
    const value = Buffer.alloc(130);
    let most = 0;
    let before = 0;
    // Sets until the table must have been full; counts what one set lets go of.
    for (let i = 0; i < 450_000; i++) {
      key.writeUInt32LE(i);
      cache.set(1, Math.imul(i, 0x85ebca6b) >>> 0, Math.imul(i + 1, 0x9e3779b1) >>> 0, i + 1, key, 0, 8, value, 0, value.length);
      most = Math.max(most, before - cache.entries);
      before = cache.entries;
    }
    let found = 0;
    for (let i = 0; i < 450_000; i++) {
      key.writeUInt32LE(i);
      if (cache.find(1, Math.imul(i, 0x85ebca6b) >>> 0, Math.imul(i + 1, 0x9e3779b1) >>> 0, key, 0, 8)) found++;
    }
    assert.ok(most < 10_000 && found > 200_000, `${most} went at once, ${found} values are there`);
  });

  test("knows size and version of what it let go, for one round more", () => {
    const checked = new CheckedCache(smallBudget);
    const keys = Array.from({ length: 3_000 }, (_, i) => `key-${i}`);
    keys.forEach((key, i) => checked.set(1, key, i + 1, valueOf(i, 1_000)));
    assert.ok(keys.every((key) => checked.findSize(1, key)));
    assert.ok(!checked.find(1, "key-0"));
    assert.ok(checked.find(1, "key-2999"));
    checked.set(1, "key-0", 5_000, valueOf(5_000, 300));
    assert.ok(checked.find(1, "key-0"));
    for (let i = 0; i < 200_000; i++) checked.set(1, `other-${i}`, i + 1, valueOf(i, 1_000));
    assert.ok(!checked.findSize(1, "key-1"));
  });

  test("does not keep a value that is large beside its segments, and forgets the one that it replaces", () => {
    const checked = new CheckedCache(smallBudget);
    checked.set(1, "k", 1, valueOf(1, 100));
    checked.set(1, "k", 2, valueOf(2, 300_000));
    assert.ok(!checked.find(1, "k"));
    checked.set(1, "k", 3, valueOf(3, 100));
    assert.ok(checked.find(1, "k"));
  });
});
