import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ExpectedValue } from "../../src/rpc/expected-value.js";

const pace = { upValues: 8, downValues: 16, downMost: 1 / 4 };

describe("what is expected of the next value", () => {
  test("is what larger values are, at once where none came before", () => {
    const expected = new ExpectedValue(100, pace);
    expected.learn(2_000, 2);
    assert.deepEqual([expected.bytes, expected.hasLearned], [1_000, true]);
  });

  test("follows larger values in as few as it is told", () => {
    const expected = new ExpectedValue(0, pace);
    expected.learn(0, 1);
    expected.learn(800, 1);
    assert.equal(expected.bytes, 100);
    expected.learn(8 * 800, 8);
    assert.equal(expected.bytes, 800);
    expected.learn(1_000 * 1_600, 1_000);
    assert.equal(expected.bytes, 1_600);
  });

  test("follows smaller values slowly: missing keys, however many at once, take away no more than a part", () => {
    const expected = new ExpectedValue(1_600, pace);
    expected.learn(0, 1);
    assert.equal(expected.bytes, 1_500);
    expected.learn(0, 1_000);
    assert.equal(expected.bytes, 1_125);
    for (let i = 0; i < 100; i++) expected.learn(0, 4);
    assert.equal(expected.bytes, 2, "as near as whole bytes come");
  });

  test("stays in whole bytes, and where nothing came", () => {
    const expected = new ExpectedValue(10, pace);
    expected.learn(0, 0);
    assert.deepEqual([expected.bytes, expected.hasLearned], [10, false]);
    expected.learn(100, 3);
    assert.equal(expected.bytes, 33);
  });

  test("follows smaller values quickly where it was a guess, so many times as it is told", () => {
    const expected = new ExpectedValue(1_600, { ...pace, firstParts: 2 });
    expected.learn(0, 1);
    expected.learn(0, 1);
    assert.equal(expected.bytes, 900);
    expected.learn(0, 1);
    assert.equal(expected.bytes, 844);
  });
});
