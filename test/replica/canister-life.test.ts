import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { NodeUnderTest, get, keepLoopAlive, put, putIfVersion, remove, settleAll } from "./node-under-test.js";

async function openWithTwo(): Promise<{ subject: NodeUnderTest; ids: number[] }> {
  const subject = await NodeUnderTest.open();
  await subject.node.router.createMap("m", { initialCanisters: 1 });
  await subject.ask([put("a", "1"), put("b", "1")]);
  const { leftId, rightId } = await subject.node.router.splitCanister(subject.canisters()[0]?.canisterId ?? 0, undefined);
  return { subject, ids: [leftId, rightId] };
}

describe("a stopped canister", () => {
  test("answers CANISTER_STOPPED while others serve, across a restart and a crash too, until it is started", async () => {
    const { subject, ids } = await openWithTwo();
    const [stopped] = ids as [number];
    const accepted = subject.answers([put("a", "2"), put("b", "2")]);
    const status = await subject.node.replica.stopCanister(stopped);
    assert.equal(status.state, "stopped");
    assert.deepEqual(await accepted, ["written", "written"]);
    const expectStopped = async (): Promise<void> => {
      const answers = [...(await subject.answers([get("a"), get("b")])), ...(await subject.answers([put("a", "3"), put("b", "3")]))];
      assert.equal(answers.filter((answer) => answer === "CANISTER_STOPPED").length, 2);
      await subject.ask([put("a", "2"), put("b", "2")]);
    };
    await expectStopped();
    await subject.restart();
    await expectStopped();
    await subject.crash();
    await expectStopped();
    assert.equal((await subject.node.replica.startCanister(stopped)).state, "serving");
    assert.deepEqual(await subject.answers([get("a"), get("b")]), ["=2", "=2"]);
    await subject.restart();
    assert.deepEqual(await subject.answers([get("a"), get("b")]), ["=2", "=2"]);
    await subject.expectSound();
    await subject.node.close();
  });

  test("is neither split nor cleared", async () => {
    const { subject, ids } = await openWithTwo();
    await subject.node.replica.stopCanister(ids[0] as number);
    await assert.rejects(subject.node.router.splitCanister(ids[0] as number, undefined), { code: "CANISTER_BUSY" });
    await assert.rejects(subject.node.replica.clearCanister(ids[0] as number), (error) => error instanceof BigMapError);
    await subject.node.close();
  });
});

describe("versions", () => {
  test("of entries that were deleted before a crash or a restart never come again", async () => {
    const subject = await NodeUnderTest.open();
    const old: number[] = [];
    for (const end of [() => subject.crash(), () => subject.restart(), () => subject.crash()]) {
      const [written] = await subject.ask([put("k", "before"), remove("k")]);
      old.push(written?.version ?? 0);
      await end();
    }
    assert.deepEqual(await subject.answers([put("k", "after")]), ["written"]);
    for (const version of old) assert.deepEqual(await subject.answers([putIfVersion("k", "late", version)]), ["CONDITION_FAILED"]);
    assert.equal(new Set(old).size, old.length);
    await subject.node.close();
  });
});

describe("a canister", () => {
  test("of a ring cannot be deleted, and one that is not here is CANISTER_NOT_FOUND", async () => {
    const { subject, ids } = await openWithTwo();
    await assert.rejects(subject.node.replica.deleteCanister(ids[0] as number), { code: "CANISTER_IN_USE" });
    const { replica, router } = subject.node;
    for (const ask of [
      () => replica.deleteCanister(999),
      () => replica.stopCanister(999),
      () => replica.startCanister(999),
      () => router.splitCanister(999, undefined),
    ]) {
      await assert.rejects(ask, { code: "CANISTER_NOT_FOUND" });
    }
    assert.deepEqual(await subject.answers([get("a"), get("b")]), ["=1", "=1"]);
    await subject.node.close();
  });
});

describe("clearing a map", () => {
  keepLoopAlive();

  test("under load and splits deletes all that was there and nothing that was acknowledged after it", async () => {
    for (let round = 0; round < 10; round++) {
      const subject = await NodeUnderTest.open();
      await subject.node.router.createMap("m", { initialCanisters: 2 });
      const before = Array.from({ length: 80 }, (_, i) => put(`before-${i}`, Buffer.alloc(1_500)));
      await subject.ask(before);
      const splits = subject
        .canisters()
        .map(({ canisterId }) => subject.node.router.splitCanister(canisterId, undefined).catch(() => undefined));
      const during = subject.answers(
        Array.from({ length: 40 }, (_, i) => put(`during-${i}`, Buffer.alloc(500))),
        { sessionId: 2 },
      );
      assert.ok((await subject.node.connection.clear("m")) >= before.length);
      const after = await subject.answers([put("after", "1"), get("before-0")]);
      assert.deepEqual(after, ["written", "absent"]);
      await Promise.all([during, ...splits]);
      const keys = [...(await subject.contents()).keys()];
      assert.ok(keys.includes("after") && keys.every((key) => !key.startsWith("before")), keys.join());
      await subject.expectSound();
      await subject.crash();
      assert.deepEqual([...(await subject.contents()).keys()], keys);
      await subject.expectSound();
      await subject.node.close();
    }
  });
});

describe("a map that is dropped and made again", () => {
  test("has none of its old entries, by get, scan, counts, or after a crash", async () => {
    const subject = await NodeUnderTest.open();
    const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
    for (let round = 0; round < 4; round++) {
      assert.deepEqual([...new Set(await subject.answers(keys.map((key) => put(key, `round ${round}`))))], ["written"]);
      await subject.node.router.dropMap("m");
      assert.deepEqual(await subject.answers([get("key-1")]), ["MAP_NOT_FOUND"]);
      assert.deepEqual(await subject.answers([put("fresh", "1"), ...keys.map(get)]), ["written", ...keys.map(() => "absent")]);
      if (round % 2 === 1) await subject.crash();
      assert.deepEqual([...(await subject.contents()).keys()], ["fresh"]);
      await subject.expectSound();
    }
    await subject.node.close();
  });

  test("answers every operation that was under way when it was dropped", async () => {
    const subject = await NodeUnderTest.open();
    for (let round = 0; round < 20; round++) {
      await subject.ask([put("cold", "1")]);
      if (round % 4 === 0) await subject.restart();
      const updates = subject.answers(Array.from({ length: 50 }, (_, i) => put(`key-${i}`, Buffer.alloc(2_000))));
      const queries = subject.answers([get("cold"), get("none")], { sessionId: 2 });
      if (round % 3 === 0) await settleAll();
      const drop = subject.node.router.dropMap("m");
      const late = subject.answers([remove("key-1"), get("key-2")], { sessionId: 3 });
      await drop;
      for (const answer of [...(await updates), ...(await queries), ...(await late)])
        assert.match(answer, /^(written|deleted|nothing|absent|MAP_NOT_FOUND|=)/);
    }
    assert.deepEqual(subject.node.replica.load, { updates: 0, updateBytes: 0, reads: 0 });
    await subject.node.close();
  });

  test("takes over the updates that waited at the hard cap of the old one", async () => {
    const clock = new ManualClock();
    const subject = await NodeUnderTest.open({ clock });
    await subject.node.router.createMap("m", { initialCanisters: 1 });
    await subject.ask([put("a", Buffer.alloc(20_000)), put("b", Buffer.alloc(20_000))]);
    // The split that they wait for does not come: its first step waits for the disk.
    const go = subject.disk.hold();
    const waiting = subject.answers([put("c", Buffer.alloc(30_000)), remove("a")]);
    const drop = subject.node.router.dropMap("m");
    await settleAll();
    go();
    await drop;
    assert.deepEqual(await waiting.then((answers) => answers[0]), "written");
    await settleAll();
    assert.deepEqual(subject.node.replica.load, { updates: 0, updateBytes: 0, reads: 0 });
    await subject.node.close();
  });
});
