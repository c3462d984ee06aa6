import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import { seededRandom } from "../../src/base/random.js";
import { NodeUnderTest, get, has, keepLoopAlive, put, remove, settleAll } from "./node-under-test.js";

describe("a replica that has accepted all it may", () => {
  test("answers OVERLOADED to further updates, goes on reading, and takes updates again when others are answered", async () => {
    const subject = await NodeUnderTest.open({ capBytes: limits.canisterCapDefaultBytes });
    await subject.ask([put("k", "old")]);
    const go = subject.disk.hold();
    const half = limits.valueMaxBytes / 2;
    const held: Promise<string[]>[] = [];
    for (let i = 0; i * half < limits.pendingUpdatesMaxBytes - 2 * half; i += 8) {
      held.push(subject.answers(Array.from({ length: 8 }, (_, j) => put(`large-${i + j}`, Buffer.alloc(half - 100)))));
    }
    assert.deepEqual(
      await subject
        .answers([put("more", Buffer.alloc(limits.valueMaxBytes)), put("more", Buffer.alloc(limits.valueMaxBytes))].slice(0, 2), {
          sessionId: 2,
        })
        .catch(String),
      ["OVERLOADED", "OVERLOADED"],
    );
    assert.deepEqual(
      await subject
        .answers([put("x", "x"), put("y", Buffer.alloc(limits.valueMaxBytes))], { atomic: true, sessionId: 3 })
        .then((texts) => texts.sort()),
      ["BATCH_ABORTED", "OVERLOADED"],
    );
    assert.deepEqual(await subject.answers([get("k"), has("none")], { sessionId: 2 }), ["=old", "absent"]);
    go();
    assert.ok((await Promise.all(held)).flat().every((answer) => answer === "written"));
    assert.deepEqual(subject.node.replica.load, { updates: 0, updateBytes: 0, reads: 0 });
    assert.deepEqual(await subject.answers([put("more", "now")]), ["written"]);
    await subject.node.close();
  });

  test("has nothing left under way after any mix of outcomes", async () => {
    const subject = await NodeUnderTest.open();
    await subject.node.router.createMap("m", { initialCanisters: 2 });
    const random = seededRandom(77);
    const running: Promise<string[]>[] = [];
    for (let round = 0; round < 40; round++) {
      const operations = Array.from({ length: 20 }, () => {
        const key = `key-${random.below(60)}`;
        const kind = random.below(5);
        if (kind === 0) return get(key);
        if (kind === 1) return remove(key);
        // Some are larger than a whole canister, some have no key.
        return put(random.below(20) === 0 ? "" : key, Buffer.alloc(random.below(30) === 0 ? 70_000 : random.below(4_000)));
      });
      const deadlineMs = random.below(6) === 0 ? 0 : Infinity;
      running.push(subject.answers(operations, { atomic: random.below(3) === 0, sessionId: random.below(3), deadlineMs }));
      if (round % 8 === 7) await settleAll();
    }
    const seen = new Set((await Promise.all(running)).flat().map((answer) => answer.replace(/^=.*/s, "=")));
    for (const expected of ["=", "absent", "written", "deleted", "KEY_EMPTY", "CANISTER_FULL", "BATCH_ABORTED", "DEADLINE_EXCEEDED"])
      assert.ok(seen.has(expected), expected);
    await subject.expectSound();
    await subject.node.close();
  });
});

describe("after a failed write", () => {
  for (const [fault, code] of [
    ["disk-full", "DISK_FULL"],
    ["fsync", "STORAGE_FAILED"],
  ] as const) {
    test(`(${fault}) updates are refused with ${code} until the folder is opened anew, and reads go on`, async () => {
      const subject = await NodeUnderTest.open();
      await subject.ask([put("k", "old"), put("cold", "old")]);
      await subject.restart();
      subject.disk.failNextWrite(fault);
      const [failed] = await subject.ask([put("k", "new")]);
      assert.equal(failed?.error?.code, code);
      assert.equal(failed?.error?.retry, fault === "disk-full" ? "transient" : "outcome unknown");
      const [refused] = await subject.ask([put("k", "newer")]);
      assert.deepEqual([refused?.error?.code, refused?.error?.retry], [code, "transient"]);
      for (const answer of [failed, refused]) assert.match(answer?.error?.hint ?? "", /restart the replica/);
      assert.equal(subject.node.replica.failure?.code, code);
      assert.deepEqual(await subject.answers([get("cold"), has("none")]), ["=old", "absent"]);
      assert.equal((await subject.contents()).get("cold"), "old");
      assert.deepEqual(subject.node.replica.load, { updates: 0, updateBytes: 0, reads: 0 });
      await subject.crash();
      assert.deepEqual(await subject.answers([get("k"), put("k", "newest"), get("k")]), ["=old", "written", "=newest"]);
      await subject.expectSound();
      await subject.node.close();
    });
  }

  test("a split that was under way ends, and so does the replica", async () => {
    const subject = await NodeUnderTest.open({
      faults: { reach: (point) => point === "split.drained" && subject.disk.failNextWrite("fsync") },
    });
    await subject.node.router.createMap("m", { initialCanisters: 1 });
    await subject.ask([put("a", "1"), put("b", "1")]);
    await assert.rejects(
      subject.node.router.splitCanister(subject.canisters()[0]?.canisterId ?? 0, undefined),
      (error) => error instanceof BigMapError,
    );
    assert.deepEqual(await subject.answers([get("a")]), ["=1"]);
    await subject.node.close().catch(() => undefined);
    await subject.reopen();
    assert.deepEqual(await subject.answers([get("a"), get("b"), put("a", "2")]), ["=1", "=1", "written"]);
    await subject.expectSound();
    await subject.node.close();
  });
});

describe("the orderly end", () => {
  keepLoopAlive();

  test("answers what was accepted and refuses what comes later", async () => {
    const subject = await NodeUnderTest.open();
    await subject.ask([put("a", "1"), put("b", "1")]);
    await subject.restart();
    const accepted = [subject.answers([put("a", "2"), get("a")]), subject.answers([get("b")], { sessionId: 2 })];
    const closing = subject.node.close();
    const late = subject.answers([put("b", "3")]);
    assert.deepEqual(await Promise.all(accepted), [["written", "=2"], ["=1"]]);
    await closing;
    assert.match((await late)[0] ?? "", /^(written|SHUTTING_DOWN|CLOSED)$/);
    assert.match((await subject.answers([put("b", "4")]))[0] ?? "", /^(SHUTTING_DOWN|CLOSED)$/);
    await subject.reopen();
    assert.deepEqual(await subject.answers([get("a")]), ["=2"]);
    await subject.expectSound();
    await subject.node.close();
  });

  test("refuses an update that meets the hard cap while it goes on", async () => {
    const subject = await NodeUnderTest.open();
    await subject.node.router.createMap("m", { initialCanisters: 1 });
    await subject.ask([put("a", Buffer.alloc(20_000)), put("b", Buffer.alloc(20_000))]);
    await subject.node.router.stop();
    const go = subject.disk.hold();
    const accepted = subject.answers([put("a", "small")]);
    await settleAll();
    const full = subject.answers([put("c", Buffer.alloc(60_000))]);
    const stopped = subject.node.replica.stop();
    await settleAll();
    go();
    assert.deepEqual([await accepted, await full], [["written"], ["SHUTTING_DOWN"]]);
    await stopped;
    assert.deepEqual(subject.node.replica.load, { updates: 0, updateBytes: 0, reads: 0 });
  });
});
