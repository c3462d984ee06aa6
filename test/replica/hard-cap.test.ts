import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { FaultPointName } from "../../src/base/fault-points.js";
import { limits } from "../../src/base/limits.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { NodeUnderTest, get, keepLoopAlive, put, remove, settleAll } from "./node-under-test.js";

const capBytes = limits.canisterCapMinBytes;

/** Watches every canister in every turn of the loop until it is told to end. */
function watchCap(subject: NodeUnderTest): { end(): void } {
  let ended = false;
  const look = (): void => {
    for (const { canisterId, bytes } of subject.canisters()) assert.ok(bytes <= capBytes, `canister ${canisterId} holds ${bytes} B`);
    if (!ended) setImmediate(look);
  };
  look();
  return { end: () => (ended = true) };
}

describe("the hard cap", () => {
  keepLoopAlive();

  test("is never passed, and every write that meets it waits for a split and then succeeds", async () => {
    const values = fc.array(fc.integer({ min: 100, max: 6_000 }), { minLength: 20, maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(values, async (sizes) => {
        const subject = await NodeUnderTest.open();
        await subject.node.router.createMap("m", { initialCanisters: 1 });
        const watch = watchCap(subject);
        const answers = await subject.answers(sizes.map((size, i) => put(`key-${i}`, Buffer.alloc(size))));
        assert.ok(
          answers.every((answer) => answer === "written"),
          answers.join(),
        );
        watch.end();
        const bytes = sizes.reduce((sum, size, i) => sum + size + `key-${i}`.length + limits.entryOverheadBytes, 0);
        assert.ok(subject.canisters().length >= bytes / capBytes);
        await subject.expectSound();
        await subject.node.close();
      }),
      { seed: 20_261_202, numRuns: 25 },
    );
  });

  test("refuses with CANISTER_FULL what no split can make room for; replacing, deleting and reading go on", async () => {
    const subject = await NodeUnderTest.open();
    await subject.node.router.createMap("m", { initialCanisters: 1 });
    await subject.ask([put("huge", Buffer.alloc(60_000))]);
    assert.deepEqual(await subject.answers([put("huge", Buffer.alloc(66_000))]), ["CANISTER_FULL"]);
    assert.deepEqual(await subject.answers([put("huge", Buffer.alloc(65_000)), put("huge", Buffer.alloc(61_000))]), ["written", "written"]);
    assert.deepEqual(await subject.answers([remove("huge"), get("huge"), put("other", "small")]), ["deleted", "absent", "written"]);
    await subject.expectSound();
    await subject.node.close();
  });

  test("is filled to the last byte", async () => {
    const subject = await NodeUnderTest.open();
    await subject.node.router.createMap("m", { initialCanisters: 1 });
    const room = capBytes - limits.entryOverheadBytes - "k".length;
    assert.deepEqual(await subject.answers([put("k", Buffer.alloc(room + 1))]), ["CANISTER_FULL"]);
    assert.deepEqual(await subject.answers([put("k", Buffer.alloc(room))]), ["written"]);
    assert.equal(subject.canisters()[0]?.bytes, capBytes);
    await subject.node.close();
  });

  test("is no end for a key beside one huge entry: a cut between the two makes room", async () => {
    const subject = await NodeUnderTest.open();
    await subject.node.router.createMap("m", { initialCanisters: 1 });
    await subject.ask([put("huge", Buffer.alloc(60_000))]);
    // What the planner tries at the soft cap finds nothing to cut.
    await assert.rejects(subject.node.router.splitCanister(subject.canisters()[0]?.canisterId ?? 0, undefined), {
      code: "CANISTER_UNSPLITTABLE",
    });
    assert.equal(subject.canisters()[0]?.unsplittable, true);
    assert.deepEqual(await subject.answers([put("next", Buffer.alloc(15_800)), put("other", Buffer.alloc(60_000))]), [
      "written",
      "written",
    ]);
    assert.equal(subject.canisters().length, 3);
    await subject.expectSound();
    await subject.node.close();
  });

  test("refuses a unit of an atomic batch that no canister could hold, at once and as a whole", async () => {
    const subject = await NodeUnderTest.open();
    await subject.node.router.createMap("m", { initialCanisters: 1 });
    const answers = await subject.answers([put("a", Buffer.alloc(40_000)), put("b", Buffer.alloc(40_000))], { atomic: true });
    assert.deepEqual(answers.sort(), ["BATCH_ABORTED", "CANISTER_FULL"]);
    assert.equal((await subject.contents()).size, 0);
    await subject.expectSound();
    await subject.node.close();
  });
});

/** A node on virtual time whose one canister is frozen: its split waits for the disk. */
async function openFrozen(clock: ManualClock): Promise<{ subject: NodeUnderTest; go: () => Promise<void> }> {
  let release = (): void => undefined;
  const faults = { reach: (point: FaultPointName): void => void (point === "split.frozen" && (release = subject.disk.hold())) };
  const subject = await NodeUnderTest.open({ clock, faults });
  await subject.node.router.createMap("m", { initialCanisters: 1 });
  await subject.ask([put("a", "old"), put("b", "old")]);
  const split = subject.node.router.splitCanister(subject.canisters()[0]?.canisterId ?? 0, undefined);
  await settleAll();
  assert.equal(subject.canisters()[0]?.state, "frozen");
  return {
    subject,
    go: async () => {
      release();
      await split;
    },
  };
}

describe("an update of a frozen canister", () => {
  test("waits for the split and is then carried out; reads go on meanwhile", async () => {
    const { subject, go } = await openFrozen(new ManualClock());
    const waiting = subject.answers([put("a", "new"), get("a")]);
    await settleAll();
    assert.deepEqual(await subject.answers([get("b")]), ["=old"]);
    assert.deepEqual(await subject.answers([get("b")], { sessionId: 2 }), ["=old"]);
    await go();
    assert.deepEqual(await waiting, ["written", "=new"]);
    await subject.expectSound();
    await subject.node.close();
  });

  test("is refused with CANISTER_BUSY after the longest wait, undone", async () => {
    const clock = new ManualClock();
    const { subject, go } = await openFrozen(clock);
    const waiting = subject.answers([put("a", "new"), remove("b")], { atomic: true });
    await clock.advanceAndSettle(limits.splitWaitMaxMs - 1_000);
    assert.equal(subject.node.replica.load.updates, 2);
    await clock.advanceAndSettle(1_500);
    assert.deepEqual(await waiting, ["CANISTER_BUSY", "CANISTER_BUSY"]);
    await go();
    assert.deepEqual(await subject.answers([get("a"), get("b")]), ["=old", "=old"]);
    await subject.expectSound();
    await subject.node.close();
  });

  test("is refused with DEADLINE_EXCEEDED at its deadline, undone; others go on waiting", async () => {
    const clock = new ManualClock();
    const { subject, go } = await openFrozen(clock);
    const hasty = subject.answers([put("a", "hasty")], { deadlineMs: clock.monotonicMs() + 300 });
    const patient = subject.answers([put("b", "patient")]);
    await clock.advanceAndSettle(1_000);
    assert.deepEqual(await hasty, ["DEADLINE_EXCEEDED"]);
    await go();
    assert.deepEqual(await patient, ["written"]);
    assert.deepEqual(await subject.answers([get("a"), get("b")]), ["=old", "=patient"]);
    await subject.node.close();
  });

  test("that comes past its deadline is refused, undone", async () => {
    const clock = new ManualClock();
    const subject = await NodeUnderTest.open({ clock });
    clock.advance(1_000);
    assert.deepEqual(await subject.answers([put("a", "1"), remove("b")], { deadlineMs: 500 }), ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]);
    assert.equal((await subject.contents()).size, 0);
    await subject.node.close();
  });
});

describe("updates at a full canister that nobody splits", () => {
  test("wait no longer than the longest wait, however often others with short deadlines come and go", async () => {
    const clock = new ManualClock();
    const subject = await NodeUnderTest.open({ clock });
    await subject.node.router.createMap("m", { initialCanisters: 1 });
    await subject.ask([put("a", Buffer.alloc(20_000)), put("b", Buffer.alloc(20_000))]);
    // With the router gone no split comes.
    await subject.node.router.stop();
    const patient = subject.answers([put("c", Buffer.alloc(30_000))]);
    const hasty: Promise<string[]>[] = [];
    for (let i = 0; i < 60; i++) {
      hasty.push(subject.answers([put(`hasty-${i}`, Buffer.alloc(30_000))], { deadlineMs: clock.monotonicMs() + 150 }));
      await clock.advanceAndSettle(200);
    }
    await settleAll();
    assert.equal(subject.node.replica.load.updates, 0);
    assert.deepEqual(await patient, ["CANISTER_BUSY"]);
    assert.ok((await Promise.all(hasty)).flat().every((answer) => answer === "DEADLINE_EXCEEDED"));
    assert.deepEqual(await subject.answers([remove("a"), put("c", Buffer.alloc(30_000))]), ["deleted", "written"]);
    await subject.node.replica.stop();
  });
});
