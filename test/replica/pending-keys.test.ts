import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PendingKey, PendingKeys, tokenNumber } from "../../src/replica/pending-keys.js";
import { WriteStamps } from "../../src/replica/write-stamps.js";

describe("the pending keys", () => {
  test("equal a plain Map under any inserts and releases, also where tokens and token numbers collide", () => {
    const step = fc.record({
      key: fc.nat({ max: 5 }),
      map: fc.integer({ min: 1, max: 2 }),
      low: fc.constantFrom(0, 1, 2_047, 2_048),
      release: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const pending = new PendingKeys();
        const model = new Map<string, PendingKey>();
        for (const { key, map, low, release } of steps) {
          const bytes = Buffer.from("k".repeat(key + 1));
          const name = `${map}/${low}/${key}`;
          const known = model.get(name);
          assert.equal(pending.find(map, 9, low, bytes, 0, bytes.length), known);
          if (known === undefined) {
            const entry = new PendingKey(map, 9, low, bytes, 0, bytes.length, 1);
            entry.count = 2;
            pending.insert(entry);
            model.set(name, entry);
          } else if (release) {
            pending.release(known);
            if (known.count === 0) model.delete(name);
          }
          assert.equal(pending.isEmpty, model.size === 0);
        }
      }),
      { seed: 20_261_130, numRuns: 300 },
    );
  });

  test("have token numbers that a Map can tell apart down to 2^-53 of the ring", () => {
    assert.equal(tokenNumber(2 ** 32 - 1, 2 ** 32 - 1), 2 ** 53 - 1);
    assert.notEqual(tokenNumber(1, 0), tokenNumber(0, 2 ** 32 - 1));
    assert.notEqual(tokenNumber(2 ** 32 - 1, 0), tokenNumber(2 ** 32 - 1, 2_048));
  });
});

describe("the write stamps", () => {
  test("change with every update of the token and with a change of all, and never come back", () => {
    const stamps = new WriteStamps();
    const seen = new Set<number>();
    for (let i = 0; i < 1_000; i++) {
      assert.ok(!seen.has(stamps.of(123_456_789)));
      seen.add(stamps.of(123_456_789));
      if (i % 3 === 0) stamps.bumpAll();
      else stamps.bump(123_456_789);
    }
  });

  test("of other parts of the token space do not change with it", () => {
    const stamps = new WriteStamps();
    stamps.bump(0xffff_ffff);
    assert.equal(stamps.of(0), 0);
    assert.notEqual(stamps.of(0xffff_0000), 0);
  });
});
