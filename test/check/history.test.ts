import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { byKey, History, parseJsonLines } from "./history.js";

describe("a history", () => {
  test("keeps invocations and completions in one order, and unknown ones open", async () => {
    const history = new History(new ManualClock());
    const first = history.invoke({ caller: 1, key: "a", kind: "put", value: "x" });
    const lost = history.invoke({ caller: 2, key: "b", kind: "delete" });
    history.complete(first, { kind: "written", version: 1 });
    await history.record({ caller: 1, key: "a", kind: "get" }, async () => ({ kind: "found", value: "x", version: 1 }));
    const operations = history.operations();
    assert.deepEqual(
      operations.map(({ invoked, completed }) => [invoked, completed]),
      [
        [0, 2],
        [1, Infinity],
        [3, 4],
      ],
    );
    assert.equal(operations[1]?.id, lost);
    assert.deepEqual(
      [...byKey(operations)].map(([key, group]) => [key, group.length]),
      [
        ["a", 2],
        ["b", 1],
      ],
    );
  });

  test("turns errors into outcomes by their advice", async () => {
    const history = new History(new ManualClock());
    const outcomeOf = async (error: Error): Promise<string | undefined> =>
      (await history.record({ caller: 1, key: "a", kind: "put", value: "x" }, () => Promise.reject(error)))?.outcome.kind;
    assert.equal(await outcomeOf(new BigMapError("OVERLOADED", "x")), "failed");
    assert.equal(await outcomeOf(new BigMapError("UNAVAILABLE", "x", { retry: "outcome unknown" })), "unknown");
    assert.equal(await outcomeOf(new BigMapError("CONDITION_FAILED", "x", { currentVersion: 3 })), "condition-failed");
    assert.equal(await outcomeOf(new TypeError("a defect")), "unknown");
  });

  test("that is sealed gives unknown operations an end, and only those", async () => {
    const history = new History(new ManualClock());
    await history.record({ caller: 1, key: "a", kind: "delete" }, () => Promise.reject(new BigMapError("OUTCOME_UNKNOWN", "x")));
    history.invoke({ caller: 2, key: "a", kind: "put", value: "x" });
    history.seal();
    await history.record({ caller: 1, key: "a", kind: "delete" }, () => Promise.reject(new BigMapError("OUTCOME_UNKNOWN", "x")));
    assert.deepEqual(
      history.operations().map(({ completed }) => completed),
      [4, 4, Infinity],
    );
  });

  test("survives being written as JSON lines", async () => {
    const history = new History(new ManualClock());
    history.invoke({ caller: 1, key: "a", kind: "put", value: "x", ifVersion: 2 });
    await history.record({ caller: 2, key: "b", kind: "has" }, async () => ({ kind: "present" }));
    assert.deepEqual(parseJsonLines(history.toJsonLines()), history.operations());
  });
});
