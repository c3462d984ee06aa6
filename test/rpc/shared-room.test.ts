import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { PipeIntake } from "../../src/rpc/pipe-intake.js";
import { SharedRoom } from "../../src/rpc/shared-room.js";
import { ManualClock } from "../client/manual-clock.js";
import { FakeTarget, type Submission } from "./fake-target.js";
import { gets, puts, RecordingSink } from "./pipe-fixture.js";

const mostLarge = limits.pipesReadingMostBytes / limits.valueMaxBytes;

describe("the room that pipes share", () => {
  test("is for 32 MiB of large values under way, however many pipes ask; beside them each pipe has one get", () => {
    const { target, pipes } = pipesUnderTest(100);
    for (const { intake, sink } of pipes) intake.submit(larges(64), sink);
    assert.ok(getsUnderWay(target) <= mostLarge + pipes.length, `${getsUnderWay(target)} gets`);
    assert.ok(pipes.every(({ sessionId }) => target.submissions.some((one) => one.sessionId === sessionId)));
  });

  test("is kept by what was answered until the turn of the loop is over", async () => {
    const { target, pipes } = pipesUnderTest(4, 1);
    target.holding = false;
    for (const { intake, sink } of pipes) intake.submit(larges(40), sink);
    for (let settling = 0; settling < 100; settling++) await Promise.resolve();
    assert.ok(getsUnderWay(target) <= mostLarge + 8, `${getsUnderWay(target)} gets in one turn`);
    for (let turns = 0; pipes.some(({ sink }) => countOf(sink) < 40); turns++) {
      assert.ok(turns < 100);
      await turnEnd();
    }
  });

  test("is had by all in turn", async () => {
    const { target, pipes } = pipesUnderTest(16);
    for (const { intake, sink } of pipes) intake.submit(larges(64), sink);
    for (let turns = 0; turns < 20; turns++) {
      answerAll(target);
      await turnEnd();
    }
    const counts = pipes.map(({ sink }) => countOf(sink));
    assert.ok(Math.max(...counts) - Math.min(...counts) <= limits.pipeReplyTargetBytes / limits.valueMaxBytes, counts.join(" "));
    for (let turns = 0; pipes.some(({ sink }) => countOf(sink) < 64); turns++) {
      assert.ok(turns < 100);
      answerAll(target);
      await turnEnd();
    }
  });

  test("is not needed by small values", () => {
    const { target, pipes } = pipesUnderTest(9);
    const [{ intake }] = pipes as [PipeUnderTest];
    target.holding = false;
    for (let rounds = 0; rounds < 40; rounds++) intake.submit(smalls(256), new RecordingSink(256));
    target.holding = true;
    for (const other of pipes.slice(1)) other.intake.submit(larges(64), other.sink);
    const before = getsUnderWay(target);
    intake.submit(smalls(256), new RecordingSink(256));
    assert.equal(getsUnderWay(target), before + 256);
  });

  test("is given back by a pipe that ends, whether it is answered or not", async () => {
    const { target, pipes } = pipesUnderTest(4);
    const [first, second, third, fourth] = pipes as [PipeUnderTest, PipeUnderTest, PipeUnderTest, PipeUnderTest];
    for (const { intake, sink } of pipes) intake.submit(larges(64), sink);
    for (const { intake } of [first, second, third]) intake.clear();
    await turnEnd();
    const held = target.submissions.filter(({ sessionId }) => sessionId === fourth.sessionId);
    assert.ok(held.length > 1);
    answerAll(target);
    await turnEnd();
    const before = getsUnderWay(target);
    assert.ok(before - countOf(fourth.sink) <= mostLarge + 3 * (limits.pipeReplyTargetBytes / limits.valueMaxBytes));
    assert.ok(target.submissions.at(-1)?.sessionId === fourth.sessionId);
  });
});

interface PipeUnderTest {
  readonly intake: PipeIntake;
  readonly sink: RecordingSink;
  readonly sessionId: number;
}

/** Pipes of one target, which know nothing of its values. `untakenBytes`: of each, all along. */
function pipesUnderTest(count: number, untakenBytes = 0): { target: FakeTarget; pipes: PipeUnderTest[] } {
  const [target, clock, sharedRoom] = [new FakeTarget(), new ManualClock(), new SharedRoom()];
  const pipes = Array.from({ length: count }, (_, i) => {
    const room = { sharedRoom, untakenBytes: () => untakenBytes, targetBytes: () => limits.pipeReplyTargetBytes };
    const ports = { target, clock, sessionId: i + 1, ...room };
    return { intake: new PipeIntake(ports), sink: new RecordingSink(64), sessionId: i + 1 };
  });
  pipes[0]?.intake.submit(puts({ large: Buffer.alloc(limits.valueMaxBytes), small: "1" }), new RecordingSink(2));
  target.submissions.length = 0;
  target.holding = true;
  return { target, pipes };
}

function larges(count: number): ReturnType<typeof gets> {
  return gets(Array.from({ length: count }, () => "large"));
}

function smalls(count: number): ReturnType<typeof gets> {
  return gets(Array.from({ length: count }, () => "small"));
}

function answerAll(target: FakeTarget): void {
  for (const submission of [...target.submissions]) if (!answered.has(submission)) target.answer(submission);
  for (const submission of target.submissions) answered.add(submission);
}
const answered = new WeakSet<Submission>();

function getsUnderWay(target: FakeTarget): number {
  return target.submissions.reduce((sum, { batch }) => sum + batch.count, 0);
}

function countOf(sink: RecordingSink): number {
  return sink.parts.reduce((sum, { count }) => sum + count, 0);
}

/** The turn of the event loop is over, and what waited for that went on. */
function turnEnd(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
