import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { limits } from "../../src/base/limits.js";
import {
  CollectingSink,
  operationKind,
  resultStatus,
  type OperationBatch,
  type OperationTarget,
  type ResultBatch,
} from "../../src/base/operation-batch.js";
import { OperationBatchBuilder } from "../../src/base/operation-batch-builder.js";
import { ResultBatchBuilder } from "../../src/base/result-batch-builder.js";
import { BackgroundGate } from "../../src/replica/background-gate.js";
import { ManualClock } from "../../src/testing/manual-clock.js";

/** A gate whose loop is as busy as the test says, before a target that keeps what it is given. */
class GateUnderTest {
  readonly clock = new ManualClock();
  readonly passed: OperationBatch[] = [];
  busyShare = 0;
  /** Batches are answered at once, else when `answer` is called. */
  answersAtOnce = true;
  readonly #unanswered: (() => void)[] = [];
  readonly gate: BackgroundGate;

  constructor() {
    const target: OperationTarget = {
      submit: (batch, _sessionId, sink) => {
        this.passed.push(batch);
        const answer = (): void => sink.deliver(allWritten(batch.count));
        if (this.answersAtOnce) answer();
        else this.#unanswered.push(answer);
      },
    };
    this.gate = new BackgroundGate(target, this.clock, () => this.busyShare);
  }

  submit(batch: OperationBatch, sessionId = 1): CollectingSink {
    const sink = new CollectingSink(batch.count);
    this.gate.submit(batch, sessionId, sink);
    return sink;
  }

  /** The oldest batch that passed. */
  answer(): void {
    this.#unanswered.shift()?.();
  }

  /** Time goes on while others ask for something all along. */
  advanceBesideOthers(durationMs: number): void {
    for (let ms = 0; ms < durationMs; ms += 5) {
      this.gate.noteOthers();
      this.clock.advance(5);
    }
  }

  get passedOperations(): number {
    return this.passed.reduce((sum, { count }) => sum + count, 0);
  }
}

function allWritten(count: number): ResultBatch {
  const results = new ResultBatchBuilder(count);
  for (let i = 0; i < count; i++) results.add(i, resultStatus.written, 1);
  return results.build(true);
}

function puts(count: number, valueBytes = 0, deadlineMs = Infinity): OperationBatch {
  const builder = new OperationBatchBuilder();
  for (let i = 0; i < count; i++) builder.add(operationKind.put, `key-${i}`, Buffer.alloc(valueBytes), 0);
  return builder.build("m", { deadlineMs });
}

describe("BackgroundGate", () => {
  it("lets everything through at once while there is nobody else", () => {
    const under = new GateUnderTest();
    under.busyShare = 1;
    for (let i = 0; i < 100; i++) under.submit(puts(1_000));
    assert.equal(under.passed.length, 100);
    assert.equal(under.gate.waiting, 0);
  });

  it("holds back beside others, and begins at 10,000 operations a second", () => {
    const under = new GateUnderTest();
    under.gate.noteOthers();
    for (let i = 0; i < 100; i++) under.submit(puts(10));
    assert.equal(under.passed.length, 0);
    under.busyShare = 0.61;
    under.advanceBesideOthers(10);
    const atFirst = under.passedOperations;
    assert.ok(atFirst > 0 && atFirst <= 110, `${atFirst} operations in the first 10 ms`);
  });

  it("falls to 2,000 a second, and no lower, where the loop is busy", () => {
    const under = new GateUnderTest();
    under.busyShare = 1;
    under.gate.noteOthers();
    for (let i = 0; i < 2_000; i++) under.submit(puts(10));
    under.advanceBesideOthers(1_000);
    const before = under.passedOperations;
    under.advanceBesideOthers(1_000);
    const inOneSecond = under.passedOperations - before;
    assert.ok(Math.abs(inOneSecond - 2_000) <= 60, `${inOneSecond} operations in a second`);
  });

  it("rises where the loop is idle", () => {
    const under = new GateUnderTest();
    under.gate.noteOthers();
    for (let i = 0; i < 10_000; i++) under.submit(puts(10));
    under.advanceBesideOthers(500);
    const before = under.passedOperations;
    under.advanceBesideOthers(500);
    assert.ok(under.passedOperations - before > before, "faster in the second half second than in the first");
  });

  it("counts bytes: a value of 64 KiB is 65 operations", () => {
    const under = new GateUnderTest();
    under.busyShare = 1;
    under.gate.noteOthers();
    for (let i = 0; i < 200; i++) under.submit(puts(1, 64 * 1024));
    under.advanceBesideOthers(500);
    const before = under.passed.length;
    under.advanceBesideOthers(1_000);
    assert.ok(Math.abs(under.passed.length - before - 2_000 / 65) <= 3, `${under.passed.length - before} in a second`);
  });

  it("goes on at once when the others have been silent for a second, and what went then is not held against it", () => {
    const under = new GateUnderTest();
    under.busyShare = 1;
    under.gate.noteOthers();
    for (let i = 0; i < 60; i++) under.submit(puts(1_000));
    under.clock.advance(990);
    assert.ok(under.passed.length < 12);
    under.clock.advance(40);
    assert.equal(under.gate.waiting, 0);
    // A hundred thousand more while alone; then others come back.
    for (let i = 0; i < 100; i++) under.submit(puts(1_000));
    under.advanceBesideOthers(10);
    for (let i = 0; i < 10; i++) under.submit(puts(10));
    under.advanceBesideOthers(100);
    assert.equal(under.gate.waiting, 0);
  });

  it("has forgotten others of long ago when it begins, and remembers those of the last second", () => {
    const under = new GateUnderTest();
    under.submit(puts(1));
    under.clock.advance(100);
    under.gate.noteOthers();
    under.clock.advance(999);
    under.submit(puts(1));
    assert.equal(under.gate.waiting, 1);
    under.clock.advance(100);
    under.gate.noteOthers();
    under.clock.advance(1_000);
    for (let i = 0; i < 100; i++) under.submit(puts(1_000));
    assert.equal(under.gate.waiting, 0);
  });

  it("has no more than 16,384 operations or KiB under way, alone too", () => {
    const under = new GateUnderTest();
    under.answersAtOnce = false;
    for (let i = 0; i < 30; i++) under.submit(puts(1_000));
    assert.equal(under.passed.length, 17);
    under.answer();
    assert.equal(under.passed.length, 18);
    for (let i = 0; i < 30; i++) under.answer();
    assert.equal(under.passed.length, 30);
  });

  it("refuses in time what would wait past its deadline, wherever it stands", async () => {
    const under = new GateUnderTest();
    under.busyShare = 1;
    under.gate.noteOthers();
    under.submit(puts(10_000));
    const waits = under.submit(puts(10_000));
    const late = under.submit(puts(2, 0, 200));
    under.advanceBesideOthers(170);
    assert.equal(under.gate.waiting, 10_002);
    under.advanceBesideOthers(20);
    const results = await late.results;
    assert.deepEqual(
      results.map(({ error }) => [error?.code, error?.retry]),
      [
        ["DEADLINE_EXCEEDED", "transient"],
        ["DEADLINE_EXCEEDED", "transient"],
      ],
    );
    // The second goes when the first is paid for: 10,000 operations at 2,000 a second.
    under.advanceBesideOthers(6_000);
    assert.equal((await waits.results)[0]?.status, resultStatus.written);
    assert.equal(under.passed.length, 2);
  });

  it("drops what waits of a session that has ended", () => {
    const under = new GateUnderTest();
    under.busyShare = 1;
    under.gate.noteOthers();
    for (let i = 0; i < 10; i++) under.submit(puts(1_000), i % 2);
    under.gate.drop(1);
    assert.equal(under.gate.waiting, 5_000);
    under.gate.open();
    assert.equal(under.passed.length, 5);
  });

  it("refuses with OVERLOADED past 65,536 operations, and takes again later", async () => {
    const under = new GateUnderTest();
    under.gate.noteOthers();
    for (let i = 0; i < 6; i++) under.submit(puts(10_000));
    const [first] = await under.submit(puts(6_000)).results;
    assert.equal(first?.error?.code, "OVERLOADED");
    assert.equal(first.error.retry, "transient");
    under.clock.advance(1_100);
    assert.equal(under.passed.length, 6);
    under.submit(puts(6_000));
    assert.equal(under.passed.length, 7);
  });

  it("refuses past 64 MiB", async () => {
    const under = new GateUnderTest();
    under.gate.noteOthers();
    const values = limits.backgroundWaitingMaxBytes / limits.valueMaxBytes;
    for (let i = 4; i < values; i += 4) under.submit(puts(4, limits.valueMaxBytes - limits.keyMaxBytes));
    assert.equal(under.gate.waiting, values - 4);
    const results = await under.submit(puts(6, limits.valueMaxBytes)).results;
    assert.ok(results.every(({ error }) => error?.code === "OVERLOADED"));
  });

  it("lets all go when it is opened", () => {
    const under = new GateUnderTest();
    under.gate.noteOthers();
    under.busyShare = 1;
    for (let i = 0; i < 100; i++) under.submit(puts(100));
    under.gate.open();
    assert.equal(under.passed.length, 100);
    under.submit(puts(1));
    assert.equal(under.passed.length, 101);
    assert.equal(under.clock.pendingTimers, 0);
  });

  it("stops ticking when there is nothing to do", () => {
    const under = new GateUnderTest();
    under.submit(puts(1));
    assert.equal(under.clock.pendingTimers, 1);
    under.clock.advance(100);
    assert.equal(under.clock.pendingTimers, 0);
    under.submit(puts(1));
    assert.equal(under.passed.length, 2);
  });

  it("keeps the order and loses nothing, whatever comes when", () => {
    const step = fc.record({ operations: fc.nat(300), others: fc.boolean(), busy: fc.boolean(), waitMs: fc.nat(30) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const under = new GateUnderTest();
        const sent: OperationBatch[] = [];
        for (const { operations, others, busy, waitMs } of steps) {
          if (others) under.gate.noteOthers();
          under.busyShare = busy ? 1 : 0;
          const batch = puts(operations + 1);
          sent.push(batch);
          under.submit(batch);
          under.clock.advance(waitMs);
        }
        under.clock.advance(2_000);
        assert.deepEqual(under.passed, sent);
        assert.equal(under.gate.waiting, 0);
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});
