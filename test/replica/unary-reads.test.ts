import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import { UnaryReads } from "../../src/replica/unary-reads.js";
import { turn } from "../client/held-connection.js";
import { outcomesOf } from "../client/fixture.js";

const mib = 2 ** 20;

/** A call of a connection, and its read: the test says when it is read, and when its answer has left. */
class Read {
  readonly abort = new AbortController();
  readonly signal = this.abort.signal;
  begun = false;
  leave = (): void => undefined;
  answer = (_valueBytes: number): void => undefined;
  fail = (_error: Error): void => undefined;
  readonly answered: Promise<number>;

  constructor(
    reads: UnaryReads,
    readonly peer: string,
    keys = 1,
    omitValue = false,
  ) {
    const read = (): Promise<number> => {
      this.begun = true;
      return new Promise((resolve, reject) => {
        this.answer = resolve;
        this.fail = reject;
      });
    };
    this.answered = reads.serve(keys, omitValue, this, read, (valueBytes) => valueBytes);
  }

  onLeft(run: () => void): void {
    this.leave = run;
  }
}

function open(reads: UnaryReads, peer: string, count: number): Read[] {
  return Array.from({ length: count }, () => new Read(reads, peer));
}

function begun(calls: readonly Read[]): number {
  return calls.filter((call) => call.begun).length;
}

async function answerAll(calls: readonly Read[], valueBytes: number): Promise<void> {
  for (const call of calls) if (call.begun) call.answer(valueBytes);
  await turn();
}

/** Answers what has begun, and lets it leave, until none is left. */
async function finishAll(calls: readonly Read[], valueBytes: number): Promise<void> {
  let left = calls;
  while (left.length > 0) {
    const some = left.filter((call) => call.begun);
    assert.ok(some.length > 0, `${left.length} reads wait for ever`);
    await answerAll(some, valueBytes);
    for (const call of some) call.leave();
    await turn();
    left = left.filter((call) => !some.includes(call));
  }
}

describe("the gate of unary reads", () => {
  test("a connection has at most a third of what is free, and the rest of its reads wait in their order", async () => {
    const reads = new UnaryReads();
    const calls = open(reads, "a", 40);
    assert.deepEqual([begun(calls), reads.waiting], [16, 24]);
    await answerAll(calls, mib);
    assert.deepEqual([begun(calls), reads.waiting], [16, 24], "an answer counts until it has left");
    calls[3]?.leave();
    await turn();
    assert.deepEqual([calls[16]?.begun, calls[17]?.begun], [true, false]);
    for (const call of calls) {
      await turn();
      call.answer(mib);
      await call.answered;
      if (call !== calls[3]) call.leave();
    }
    assert.deepEqual([reads.bytes, reads.waiting, reads.connections], [0, 0, 0]);
  });

  test("connections that stall leave room for others, and keep to the bound together", async () => {
    const reads = new UnaryReads();
    const stalled: Read[] = [];
    for (let peer = 0; peer < 16; peer++) {
      const calls = open(reads, `stalled ${peer}`, 50);
      await answerAll(calls, mib);
      stalled.push(...calls);
    }
    assert.ok(reads.bytes < limits.unaryReadsMaxBytes + 2 * mib, `${reads.bytes} bytes`);
    for (let i = 0; i < 100; i++) {
      const other = new Read(reads, "other");
      assert.ok(other.begun);
      other.answer(mib);
      await other.answered;
      other.leave();
      await turn();
    }
    assert.ok(reads.waiting > 600);
    // As soon as their readers go on, all are served.
    await finishAll(stalled, mib);
    assert.equal(reads.waiting, 0);
  });

  test("connections that wait take turns, and at twice the bound all wait", async () => {
    const reads = new UnaryReads({ maxBytes: 4 * mib, waitingMost: 100 });
    const large = new Read(reads, "large", 8);
    large.answer(8 * mib);
    await turn();
    const calls = ["a", "b", "c", "d"].flatMap((peer) => open(reads, peer, 3));
    assert.deepEqual([begun(calls), reads.waiting], [0, 12]);
    large.leave();
    await turn();
    assert.deepEqual(
      calls.filter((call) => call.begun).map(({ peer }) => peer),
      ["a", "b", "c", "d"],
    );
    await finishAll(calls, 4 * mib);
    assert.deepEqual([reads.bytes, reads.waiting], [0, 0]);
  });

  test("after small answers many go together, but not without end: the next ones may be large", async () => {
    const reads = new UnaryReads();
    for (let i = 0; i < 100; i++) {
      const call = new Read(reads, "a");
      call.answer(100);
      await call.answered;
      call.leave();
    }
    const calls = open(reads, "a", 100);
    assert.equal(begun(calls), 64);
    await answerAll(calls, mib);
    assert.equal(begun(calls), 64, "they came out large, and hold up the rest");
  });

  test("reads of many keys count by their number, and those without values hardly", () => {
    const reads = new UnaryReads();
    const many = Array.from({ length: 10 }, () => new Read(reads, "a", 10_000));
    assert.equal(begun(many), 2);
    const probes = Array.from({ length: 1_000 }, () => new Read(reads, "b", 1, true));
    assert.equal(begun(probes), 1_000);
  });

  test("a read that fails, and one whose answer is smaller than expected, give their room back", async () => {
    const reads = new UnaryReads();
    const calls = open(reads, "a", 17);
    calls[0]?.fail(new BigMapError("KEY_EMPTY", "The test fails it"));
    assert.deepEqual(await outcomesOf(calls.slice(0, 1).map(({ answered }) => answered)), ["KEY_EMPTY"]);
    assert.equal(begun(calls), 16, "until the call has ended");
    calls[0]?.leave();
    await turn();
    assert.equal(begun(calls), 17);
    const next = new Read(reads, "a");
    assert.equal(next.begun, false);
    calls[1]?.answer(10);
    await turn();
    assert.equal(next.begun, true);
  });

  test("who gives up leaves the line; past so many that wait there is no more waiting; the end refuses those that wait", async () => {
    const reads = new UnaryReads({ maxBytes: 64 * mib, waitingMost: 3 });
    const calls = open(reads, "a", 16);
    const waiting = open(reads, "a", 3);
    const refused = new Read(reads, "a");
    assert.deepEqual(await outcomesOf([refused.answered]), ["OVERLOADED"]);
    assert.ok(new Read(reads, "b").begun);
    waiting[1]?.abort.abort(new BigMapError("CANCELLED", "The test gives up"));
    assert.deepEqual(await outcomesOf(waiting.slice(1, 2).map(({ answered }) => answered)), ["CANCELLED"]);
    assert.equal(reads.waiting, 2);
    reads.stop();
    const late = new Read(reads, "a");
    const outcomes = await outcomesOf([waiting[0], waiting[2], late].map((call) => call?.answered ?? Promise.resolve()));
    assert.deepEqual(outcomes, ["SHUTTING_DOWN", "SHUTTING_DOWN", "SHUTTING_DOWN"]);
    assert.deepEqual([reads.waiting, begun(calls)], [0, 16]);
  });
});
