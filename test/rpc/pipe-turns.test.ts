import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { keyOf, kindOf, operationKind, type OperationBatch } from "../../src/base/operation-batch.js";
import { OperationBatchBuilder } from "../../src/base/operation-batch-builder.js";
import { PipeIntake } from "../../src/rpc/pipe-intake.js";
import { SharedRoom } from "../../src/rpc/shared-room.js";
import { ManualClock } from "../client/manual-clock.js";
import { FakeTarget } from "./fake-target.js";
import { gets, puts, RecordingSink } from "./pipe-fixture.js";

const large = Buffer.alloc(limits.valueMaxBytes, 1);
/** So many gets of large values find room at once. */
const roomForLarge = Math.floor(limits.pipeReplyTargetBytes / (limits.valueMaxBytes + 16));

describe("batches that wait in a pipe's intake", () => {
  test("take turns where they have gets only, of a quarter of the room each", async () => {
    const { target, intake } = await intakeUnderTest();
    const [larges, small] = [new RecordingSink(100), new RecordingSink(1)];
    intake.submit(repeated("large", 100), larges);
    intake.submit(gets(["small"]), small);
    assert.deepEqual(submitted(target), [`${roomForLarge} get large`]);
    for (let rounds = 0; rounds < 2; rounds++) await answerAll(target);
    await small.done;
    assert.deepEqual(submitted(target).slice(1, 4), ["3 get large", "1 get small", `${roomForLarge - 4} get large`]);
    for (let rounds = 0; rounds < 10; rounds++) await answerAll(target);
    await larges.done;
    const indexes = larges.parts.flatMap((part) => [...(part.indexes ?? [])]);
    assert.deepEqual(
      indexes,
      Array.from({ length: 100 }, (_, i) => i),
    );
  });

  test("have turns as long as their own values allow: small ones do not go beside large ones one by one", async () => {
    const { target, intake } = await intakeUnderTest();
    const small = new RecordingSink(1_000);
    intake.submit(repeated("large", 1_000), new RecordingSink(1_000));
    intake.submit(repeated("small", 1_000), small);
    for (let rounds = 0; countOf(small) < 1_000; rounds++) {
      assert.ok(rounds < 1_000);
      await answerAll(target);
    }
    assert.ok(getsOf(target, "large") <= 200, `${getsOf(target, "large")} gets of large values went beside them`);
  });

  test("begin with so few gets that the largest values find room, whatever was read before", async () => {
    const { target, intake } = await intakeUnderTest();
    target.holding = false;
    for (let rounds = 0; rounds < 20; rounds++) intake.submit(repeated("small", 256), new RecordingSink(256));
    target.holding = true;
    target.submissions.length = 0;
    intake.submit(repeated("large", 2_000), new RecordingSink(2_000));
    intake.submit(repeated("small", 2_000), new RecordingSink(2_000));
    assert.deepEqual(submitted(target), ["16 get large", "16 get small"]);
    await answerAll(target);
    assert.ok(getsOf(target, "large") <= 16 + roomForLarge, `${getsOf(target, "large")} gets of large values`);
    assert.ok(getsOf(target, "small") >= 200, "small values go on in large pieces");
  });

  test("neither overtake updates of their keys nor are overtaken by them; others pass", async () => {
    const { target, intake } = await intakeUnderTest();
    intake.submit(repeated("large", 2 * roomForLarge), new RecordingSink(2 * roomForLarge));
    intake.submit(gets(["small"]), new RecordingSink(1));
    intake.submit(puts({ small: "2" }), new RecordingSink(1));
    intake.submit(gets(["small", "after"]), new RecordingSink(2));
    const mixed = updateBetween("small", "large", 2 * roomForLarge);
    intake.submit(mixed, new RecordingSink(mixed.count));
    intake.submit(gets(["last"]), new RecordingSink(1));
    for (let rounds = 0; rounds < 10; rounds++) await answerAll(target);
    const order = submitted(target);
    const places = ["get small", "put small", "get small get after", "put other"].map((what) => placeOf(order, what));
    assert.deepEqual(
      places,
      places.toSorted((left, right) => left - right),
      order.join(", "),
    );
    assert.ok(placeOf(order, "get last") < placeOf(order, "put small"), order.join(", "));
    assert.ok(getsOf(target, "large", placeOf(order, "put other")) < 2 * roomForLarge, order.join(", "));
    assert.equal(getsOf(target, "large"), 4 * roomForLarge);
  });

  test("are passed at once by updates of other keys, which need no room", async () => {
    const { target, intake } = await intakeUnderTest();
    const put = new RecordingSink(1);
    intake.submit(repeated("large", 2_000), new RecordingSink(2_000));
    intake.submit(puts({ small: "2" }), put);
    assert.deepEqual(submitted(target), [`${roomForLarge} get large`, "1 put small"]);
    await answerAll(target);
    await put.done;
  });

  test("are passed by batches of other keys with updates and gets, at their turns", async () => {
    const { target, intake } = await intakeUnderTest();
    intake.submit(repeated("large", 2_000), new RecordingSink(2_000));
    intake.submit(updateBetween("small", "tiny", 4), new RecordingSink(6));
    for (let rounds = 0; rounds < 2; rounds++) await answerAll(target);
    assert.deepEqual(submitted(target).slice(1, 3), ["3 get large", "6 get small put other get tiny"]);
  });

  test("keep an update behind all gets of its key, and what follows of that key behind the update", async () => {
    const { target, intake } = await intakeUnderTest();
    intake.submit(repeated("large", 2 * roomForLarge), new RecordingSink(2 * roomForLarge));
    intake.submit(puts({ large: "2" }), new RecordingSink(1));
    intake.submit(gets(["large"]), new RecordingSink(1));
    intake.submit(gets(["small"]), new RecordingSink(1));
    intake.submit(puts({ small: "3" }), new RecordingSink(1));
    intake.submit(puts({ other: "4" }), new RecordingSink(1));
    for (let rounds = 0; rounds < 10; rounds++) await answerAll(target);
    const order = submitted(target);
    assert.equal(getsOf(target, "large", placeOf(order, "put large")), 2 * roomForLarge, order.join(", "));
    assert.deepEqual(order.slice(-3), ["1 put large", "1 get large", "1 put small"], "what is behind keeps its order");
    assert.deepEqual([placeOf(order, "put other"), placeOf(order, "get small")], [1, 3], order.join(", "));
  });

  test("keep a get behind an update of its key that waits, and let the key's later updates wait for both", async () => {
    const { target, intake } = await intakeUnderTest();
    const mixed = updateBetween("large", "large", 2 * roomForLarge);
    intake.submit(repeated("large", 2 * roomForLarge), new RecordingSink(2 * roomForLarge));
    intake.submit(mixed, new RecordingSink(mixed.count));
    intake.submit(gets(["small"]), new RecordingSink(1));
    intake.submit(puts({ large: "1" }), new RecordingSink(1));
    intake.submit(gets(["large", "other"]), new RecordingSink(2));
    for (let rounds = 0; rounds < 20; rounds++) await answerAll(target);
    const order = submitted(target);
    assert.ok(placeOf(order, "get small") < placeOf(order, "put large"), order.join(", "));
    assert.ok(placeOf(order, "put other") < placeOf(order, "put large"), order.join(", "));
    assert.deepEqual([placeOf(order, "put large"), placeOf(order, "get large get other")], [order.length - 2, order.length - 1]);
  });

  test("keep a get behind an update of its key where a single batch waits", async () => {
    const { target, intake } = await intakeUnderTest();
    const mixed = updateBetween("large", "small", 1);
    intake.submit(repeated("large", roomForLarge), new RecordingSink(roomForLarge));
    intake.submit(mixed, new RecordingSink(mixed.count));
    intake.submit(gets(["other"]), new RecordingSink(1));
    intake.submit(gets(["after"]), new RecordingSink(1));
    for (let rounds = 0; rounds < 10; rounds++) await answerAll(target);
    assert.deepEqual(submitted(target).slice(1), ["3 get large put other get small", "1 get after", "1 get other"]);
  });

  test("are passed at once by updates of keys that no longer wait", async () => {
    const { target, intake } = await intakeUnderTest();
    intake.submit(repeated("large", 2 * roomForLarge), new RecordingSink(2 * roomForLarge));
    intake.submit(puts({ large, small: "2" }), new RecordingSink(2));
    intake.submit(repeated("large", 8 * roomForLarge), new RecordingSink(8 * roomForLarge));
    intake.submit(puts({ small: "3" }), new RecordingSink(1));
    for (let rounds = 0; rounds < 4; rounds++) await answerAll(target);
    assert.ok(placeOf(submitted(target), "1 put small") > placeOf(submitted(target), "2 put large put small"));
    const before = submitted(target).length;
    intake.submit(puts({ small: "4" }), new RecordingSink(1));
    assert.deepEqual(submitted(target).slice(before), ["1 put small"]);
  });

  test("keep an atomic batch whole and in its place", async () => {
    const { target, intake } = await intakeUnderTest();
    intake.submit(repeated("large", 2 * roomForLarge), new RecordingSink(2 * roomForLarge));
    intake.submit({ ...puts({ small: "2", other: "2" }), atomic: true }, new RecordingSink(2));
    intake.submit({ ...puts({ small: "3", large: "3" }), atomic: true }, new RecordingSink(2));
    intake.submit(gets(["other"]), new RecordingSink(1));
    for (let rounds = 0; rounds < 10; rounds++) await answerAll(target);
    const order = submitted(target);
    assert.equal(placeOf(order, "put small put other"), 1);
    assert.ok(placeOf(order, "get other") < placeOf(order, "put small put large"), order.join(", "));
    assert.equal(placeOf(order, "put small put large"), order.length - 1);
  });

  test("are ended at their deadlines, begun or not", async () => {
    const { target, intake, clock } = await intakeUnderTest();
    const [begun, waiting] = [new RecordingSink(100), new RecordingSink(1)];
    intake.submit(repeated("large", 100, clock.monotonicMs() + 1_000), begun);
    intake.submit(gets(["small"], clock.monotonicMs() + 1_000), waiting);
    clock.advance(1_000);
    await answerAll(target);
    await Promise.all([begun.done, waiting.done]);
    assert.deepEqual(submitted(target), [`${roomForLarge} get large`]);
    const ended = begun.parts.find(({ errors }) => errors.size > 0);
    assert.deepEqual([ended?.indexes?.[0], ended?.count], [roomForLarge, 100 - roomForLarge]);
    assert.equal(waiting.parts[0]?.errors.get(0)?.code, "DEADLINE_EXCEEDED");
  });
});

async function intakeUnderTest(): Promise<{ target: FakeTarget; intake: PipeIntake; clock: ManualClock }> {
  const target = new FakeTarget();
  const clock = new ManualClock();
  const intake = new PipeIntake({
    target,
    clock,
    sessionId: 1,
    untakenBytes: () => 0,
    targetBytes: () => limits.pipeReplyTargetBytes,
    sharedRoom: new SharedRoom(),
  });
  intake.submit(puts({ large, small: "1" }), new RecordingSink(2));
  const learned = new RecordingSink(1);
  intake.submit(gets(["large"]), learned);
  await learned.done;
  target.submissions.length = 0;
  target.holding = true;
  return { target, intake, clock };
}

/** Answers what was submitted by now, and lets the intake go on: what is answered counts until the turn of the loop is over. */
async function answerAll(target: FakeTarget): Promise<void> {
  for (const submission of [...target.submissions]) {
    if (answered.has(submission)) continue;
    answered.add(submission);
    target.answer(submission);
  }
  await new Promise((resolve) => setImmediate(resolve));
}
const answered = new WeakSet<object>();

function repeated(key: string, count: number, deadlineMs?: number): OperationBatch {
  return gets(
    Array.from({ length: count }, () => key),
    deadlineMs,
  );
}

/** A get, an update, and gets of a large value. */
function updateBetween(key: string, largeKey: string, count: number): OperationBatch {
  const builder = new OperationBatchBuilder();
  builder.add(operationKind.get, key, undefined, 0);
  builder.add(operationKind.put, "other", Buffer.from("1"), 0);
  for (let i = 0; i < count; i++) builder.add(operationKind.get, largeKey, undefined, 0);
  return builder.build("map");
}

/** What the target was given, each piece as the number of its operations, and each kind and key in it once. */
function submitted(target: FakeTarget): string[] {
  return target.submissions.map(({ batch }) => {
    const names = Array.from({ length: batch.count }, (_, i) => {
      const kind = kindOf(batch.operations[i] ?? 0) === operationKind.get ? "get" : "put";
      return `${kind} ${Buffer.from(keyOf(batch, i)).toString()}`;
    });
    return `${batch.count} ${[...new Set(names)].join(" ")}`;
  });
}

/** Where the first piece with these kinds and keys stands. */
function placeOf(order: readonly string[], what: string): number {
  const place = order.findIndex((piece) => piece.includes(what));
  assert.ok(place >= 0, `${what} in ${order.join(", ")}`);
  return place;
}

function getsOf(target: FakeTarget, key: string, pieces = target.submissions.length): number {
  const keys = target.submissions.slice(0, pieces).flatMap(({ batch }) => Array.from({ length: batch.count }, (_, i) => keyOf(batch, i)));
  return keys.filter((one) => Buffer.from(one).toString() === key).length;
}

function countOf(sink: RecordingSink): number {
  return sink.parts.reduce((sum, { count }) => sum + count, 0);
}
