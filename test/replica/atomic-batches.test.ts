import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { FaultPointName } from "../../src/base/fault-points.js";
import { NodeUnderTest, get, put, putIfAbsent, putIfVersion, remove, settleAll, type Operation } from "./node-under-test.js";

async function openWithOneCanister(): Promise<NodeUnderTest> {
  const subject = await NodeUnderTest.open();
  await subject.node.router.createMap("m", { initialCanisters: 1 });
  return subject;
}

describe("an atomic batch in one canister", () => {
  test("is applied whole or not at all, whatever fails in it, with keys that come twice", async () => {
    const key = fc.constantFrom("a", "b", "c", "d");
    const update = fc.record({
      key,
      kind: fc.constantFrom("put", "put", "delete", "ifAbsent", "stale"),
      value: fc.string({ maxLength: 5 }),
    });
    const subject = await openWithOneCanister();
    const model = new Map<string, string>();
    await fc.assert(
      fc.asyncProperty(fc.array(update, { minLength: 1, maxLength: 8 }), async (updates) => {
        const after = new Map(model);
        let isApplied = true;
        const operations = updates.map(({ key, kind, value }): Operation => {
          if (kind === "stale") isApplied = false;
          if (kind === "ifAbsent" && after.has(key)) isApplied = false;
          if (kind === "delete") after.delete(key);
          else after.set(key, value);
          if (kind === "delete") return remove(key);
          if (kind === "ifAbsent") return putIfAbsent(key, value);
          return kind === "stale" ? putIfVersion(key, value, 2 ** 40) : put(key, value);
        });
        const before = subject.canisters()[0];
        const answers = await subject.answers(operations, { atomic: true });
        if (isApplied) {
          model.clear();
          for (const [name, value] of after) model.set(name, value);
          assert.ok(
            answers.every((answer) => ["written", "deleted", "nothing"].includes(answer)),
            answers.join(),
          );
        } else {
          assert.deepEqual([...answers].sort(), [...answers.slice(1).map(() => "BATCH_ABORTED"), "CONDITION_FAILED"].sort());
          assert.deepEqual(subject.canisters()[0], before);
        }
        assert.deepEqual(await subject.contents(), model);
      }),
      { seed: 20_261_203, numRuns: 150 },
    );
    await subject.expectSound();
    await subject.crash();
    assert.equal((await subject.contents()).size, model.size);
    await subject.expectSound();
    await subject.node.close();
  });

  test("that fails leaves the next operations on its keys as if it had never come", async () => {
    const subject = await openWithOneCanister();
    await subject.ask([put("a", "old"), put("b", "old")]);
    const failing = subject.answers([put("a", "new"), remove("b"), put("c", "new"), putIfVersion("a", "x", 999)], { atomic: true });
    const after = subject.answers([get("a"), get("b"), get("c"), putIfAbsent("c", "mine"), remove("b")]);
    assert.deepEqual(await failing, ["BATCH_ABORTED", "BATCH_ABORTED", "BATCH_ABORTED", "CONDITION_FAILED"]);
    assert.deepEqual(await after, ["=old", "=old", "absent", "written", "deleted"]);
    await subject.expectSound();
    await subject.node.close();
  });

  test("with a fault in one operation is refused as a whole before anything is done", async () => {
    const subject = await openWithOneCanister();
    assert.deepEqual(await subject.answers([put("a", "1"), put("", "1")], { atomic: true }), ["BATCH_ABORTED", "KEY_EMPTY"]);
    assert.deepEqual(await subject.answers([put("k".repeat(5_000), "1"), put("a", "1")], { atomic: true }), [
      "KEY_TOO_LARGE",
      "BATCH_ABORTED",
    ]);
    assert.equal((await subject.contents()).size, 0);
    await subject.node.close();
  });

  test("is durable whole or not at all when the crash comes while it is written", async () => {
    for (const survivors of [0, 1]) {
      const subject = await openWithOneCanister();
      const go = subject.disk.hold();
      const answers = subject.answers([put("a", "1"), put("b", "1"), put("c", "1")], { atomic: true });
      await settleAll();
      subject.disk.crash(survivors);
      go();
      await answers;
      await subject.crash();
      assert.ok([0, 3].includes((await subject.contents()).size));
      await subject.expectSound();
      await subject.node.close();
    }
  });
});

describe("an atomic batch at a canister that is being split", () => {
  test("waits as a whole and is applied whole on each side of the cut", async () => {
    let go = (): void => undefined;
    const faults = { reach: (point: FaultPointName): void => void (point === "split.frozen" && (go = subject.disk.hold())) };
    const subject = await NodeUnderTest.open({ faults });
    await subject.node.router.createMap("m", { initialCanisters: 1 });
    const keys = Array.from({ length: 16 }, (_, i) => `key-${i}`);
    await subject.ask(keys.map((key) => put(key, "old")));
    const split = subject.node.router.splitCanister(subject.canisters()[0]?.canisterId ?? 0, undefined);
    await settleAll();
    const whole = subject.answers(
      keys.map((key) => put(key, "new")),
      { atomic: true },
    );
    const failing = subject.answers([...keys.map((key) => put(key, "lost")), ...keys.map((key) => putIfAbsent(key, "x"))], {
      atomic: true,
      sessionId: 2,
    });
    await settleAll();
    go();
    await split;
    assert.ok((await whole).every((answer) => answer === "written"));
    assert.deepEqual([...new Set(await failing)].sort(), ["BATCH_ABORTED", "CONDITION_FAILED"]);
    assert.equal(subject.canisters().length, 2);
    assert.deepEqual([...new Set((await subject.contents()).values())], ["new"]);
    await subject.expectSound();
    await subject.node.close();
  });

  test("waits as a whole at the hard cap", async () => {
    const subject = await openWithOneCanister();
    await subject.ask([put("a", Buffer.alloc(20_000)), put("b", Buffer.alloc(20_000))]);
    const answers = await subject.answers([put("c", Buffer.alloc(15_000)), put("d", Buffer.alloc(15_000)), remove("none")], {
      atomic: true,
    });
    assert.deepEqual(answers, ["written", "written", "nothing"]);
    await subject.expectSound();
    await subject.node.close();
  });
});
