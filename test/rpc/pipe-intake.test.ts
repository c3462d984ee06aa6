import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { kindOf, operationKind, resultStatus, type OperationBatch } from "../../src/base/operation-batch.js";
import { OperationBatchBuilder } from "../../src/base/operation-batch-builder.js";
import { PipeIntake } from "../../src/rpc/pipe-intake.js";
import { SharedRoom } from "../../src/rpc/shared-room.js";
import { ManualClock } from "../client/manual-clock.js";
import { FakeTarget } from "./fake-target.js";
import { gets, PipeFixture, puts, RecordingSink, valuesOf } from "./pipe-fixture.js";

const large = Buffer.alloc(limits.valueMaxBytes, 1);
const mostLarge = Math.floor(limits.pipeReplyTargetBytes / limits.valueMaxBytes);

describe("gets of large values on one pipe", () => {
  test("are all answered, hundreds asked at once, each read once", async (context) => {
    const fixture = await PipeFixture.start(context);
    const pipe = fixture.openPipe();
    const filled = new RecordingSink(1);
    pipe.submit(puts({ large }), filled);
    await filled.done;
    const sink = new CountingSink(300);
    pipe.submit(gets(Array.from({ length: 300 }, () => "large")), sink);
    await sink.done;
    assert.deepEqual([sink.found, sink.bytes], [300, 300 * large.length]);
    assert.equal(getsOf(fixture.target), 300);
    await pipe.close();
  });

  test("let what follows them come after them, and see the entries as they were", async (context) => {
    const fixture = await PipeFixture.start(context);
    const pipe = fixture.openPipe();
    const sinks = [new RecordingSink(2), new CountingSink(200), new RecordingSink(1), new RecordingSink(1)] as const;
    pipe.submit(puts({ large, key: "before" }), sinks[0]);
    pipe.submit(gets(["key", ...Array.from({ length: 198 }, () => "large"), "key"]), sinks[1]);
    pipe.submit(puts({ key: "after" }), sinks[2]);
    pipe.submit(gets(["key"]), sinks[3]);
    await Promise.all(sinks.map((sink) => sink.done));
    assert.deepEqual([sinks[1].found, sinks[1].firstText, sinks[1].lastText], [200, "before", "before"]);
    assert.deepEqual(valuesOf(sinks[3].parts[0]), ["after"]);
    await pipe.close();
  });
});

describe("a pipe's intake", () => {
  test("submits so many gets as will find room, and the next as answers are taken", async () => {
    const { target, intake, ports } = intakeUnderTest();
    await learn(target, intake, large);
    target.holding = true;
    const sink = new RecordingSink(100);
    intake.submit(gets(Array.from({ length: 100 }, () => "key")), sink);
    assert.deepEqual(piecesOf(target), [mostLarge - 1]);
    ports.untakenBytes = limits.pipeReplyTargetBytes;
    answerAll(target);
    await Promise.resolve();
    intake.resume();
    assert.equal(getsOf(target), mostLarge - 1, "nothing is read while nothing is taken");
    ports.untakenBytes = 0;
    for (let rounds = 0; sink.parts.length < 100 && getsOf(target) < 100; rounds++) {
      assert.ok(rounds < 100);
      intake.resume();
      answerAll(target);
    }
    await sink.done;
    const indexes = sink.parts.flatMap((part) => [...(part.indexes ?? [])]);
    assert.deepEqual(
      indexes,
      Array.from({ length: 100 }, (_, i) => i),
    );
    assert.ok(sink.parts.every((part) => part.statuses.every((status) => status === resultStatus.foundValue)));
  });

  test("hands a batch of small values on as it is", async () => {
    const { target, intake } = intakeUnderTest();
    // From each part of answers it learns a quarter at most.
    for (let rounds = 0; rounds < 20; rounds++) await learn(target, intake, Buffer.from("small"), 64);
    const batch = gets(Array.from({ length: limits.pipeMaxGets }, () => "key"));
    intake.submit(batch, new RecordingSink(batch.count));
    assert.equal(target.submissions.at(-1)?.batch, batch);
  });

  test("is not made careless by a few small values or missing keys", async () => {
    const { target, intake } = intakeUnderTest();
    await learn(target, intake, Buffer.alloc(0));
    await learn(target, intake, large);
    await learn(target, intake, Buffer.alloc(0));
    target.holding = true;
    intake.submit(gets(Array.from({ length: 1_000 }, () => "key")), new RecordingSink(1_000));
    assert.ok(getsOf(target) * limits.valueMaxBytes <= limits.pipeReplyMaxBytes, `${getsOf(target)} gets at once`);
  });

  test("lets one get through where nothing is under way, whatever is expected", async () => {
    const { target, intake } = intakeUnderTest();
    const huge = Buffer.alloc(2 * limits.pipeReplyTargetBytes);
    await learn(target, intake, huge);
    target.holding = true;
    intake.submit(gets(["key", "key"]), new RecordingSink(2));
    assert.equal(getsOf(target), 1);
  });

  test("keeps the order of everything behind a get that waits", async () => {
    const { target, intake, ports } = intakeUnderTest();
    await learn(target, intake, large);
    ports.untakenBytes = limits.pipeReplyTargetBytes;
    const before = target.submissions.length;
    intake.submit(mixed(), new RecordingSink(3));
    intake.submit(puts({ key: "2" }), new RecordingSink(1));
    assert.deepEqual(kindsSince(target, before), ["put"]);
    ports.untakenBytes = 0;
    intake.resume();
    assert.deepEqual(kindsSince(target, before), ["put", "get", "put", "put"]);
  });

  test("does not begin what waited past its deadline", async () => {
    const { target, intake, ports, clock } = intakeUnderTest();
    await learn(target, intake, large);
    ports.untakenBytes = limits.pipeReplyTargetBytes;
    const before = target.submissions.length;
    const sink = new RecordingSink(2);
    intake.submit(gets(["key", "key"], clock.monotonicMs() + 1_000), sink);
    clock.advance(1_000);
    intake.resume();
    await sink.done;
    assert.deepEqual(
      [...(sink.parts[0]?.errors.values() ?? [])].map(({ code }) => code),
      ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"],
    );
    assert.equal(target.submissions.length, before);
  });

  test("forgets what waits when its pipe has ended", async () => {
    const { target, intake, ports } = intakeUnderTest();
    await learn(target, intake, large);
    ports.untakenBytes = limits.pipeReplyTargetBytes;
    const before = target.submissions.length;
    intake.submit(gets(["key"]), new RecordingSink(1));
    intake.clear();
    ports.untakenBytes = 0;
    intake.resume();
    assert.equal(target.submissions.length, before);
  });
});

interface Taking {
  untakenBytes: number;
}

function intakeUnderTest(): { target: FakeTarget; intake: PipeIntake; ports: Taking; clock: ManualClock } {
  const target = new FakeTarget();
  const ports: Taking = { untakenBytes: 0 };
  const clock = new ManualClock();
  const intake = new PipeIntake({
    target,
    clock,
    sessionId: 1,
    untakenBytes: () => ports.untakenBytes,
    targetBytes: () => limits.pipeReplyTargetBytes,
    sharedRoom: new SharedRoom(),
  });
  return { target, intake, ports, clock };
}

/** So many gets are answered with the value. */
async function learn(target: FakeTarget, intake: PipeIntake, value: Buffer, count = 1): Promise<void> {
  const sinks = [new RecordingSink(1), new RecordingSink(count)] as const;
  intake.submit(puts({ key: value }), sinks[0]);
  intake.submit(gets(Array.from({ length: count }, () => "key")), sinks[1]);
  await Promise.all(sinks.map((sink) => sink.done));
  target.submissions.length = 0;
}

function answerAll(target: FakeTarget): void {
  for (const submission of target.submissions) if (!answered.has(submission)) target.answer(submission);
  for (const submission of target.submissions) answered.add(submission);
}
const answered = new WeakSet<object>();

function mixed(): OperationBatch {
  const builder = new OperationBatchBuilder();
  builder.add(operationKind.put, "key", Buffer.from("0"), 0);
  builder.add(operationKind.get, "key", undefined, 0);
  builder.add(operationKind.put, "key", Buffer.from("1"), 0);
  return builder.build("map");
}

function kindsSince(target: FakeTarget, first: number): string[] {
  const kinds = target.submissions.slice(first).flatMap(({ batch }) => [...batch.operations].map((operation) => kindOf(operation)));
  return kinds.map((kind) => (kind === operationKind.get ? "get" : "put"));
}

function piecesOf(target: FakeTarget): number[] {
  return target.submissions.map(({ batch }) => batch.count);
}

function getsOf(target: FakeTarget): number {
  return target.submissions.reduce((sum, { batch }) => sum + batch.operations.filter((one) => kindOf(one) === operationKind.get).length, 0);
}

/** Keeps the sizes of the values, not the values. */
class CountingSink extends RecordingSink {
  found = 0;
  bytes = 0;
  firstText = "";
  lastText = "";
  readonly #operations: number;

  constructor(operations: number) {
    super(operations);
    this.#operations = operations;
  }

  override deliver(...[results]: Parameters<RecordingSink["deliver"]>): void {
    super.deliver(results);
    this.parts.length = 0;
    const texts = results.count > 0 && results.values.length < limits.valueMaxBytes * results.count ? valuesOf(results) : [];
    for (let row = 0; row < results.count; row++) {
      const index = results.indexes?.[row] ?? row;
      if (results.statuses[row] === resultStatus.foundValue) this.found++;
      if (index === 0) this.firstText = texts[row] ?? "";
      if (index === this.#operations - 1) this.lastText = texts[row] ?? "";
    }
    this.bytes += results.values.length;
  }
}
