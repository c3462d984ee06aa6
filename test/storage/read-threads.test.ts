import assert from "node:assert/strict";
import { test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { PackedKeys } from "../../src/storage/packed-keys.js";
import { noRows } from "../../src/storage/packed-values.js";
import { ReadThreads, type ReadingThread } from "../../src/storage/read-threads.js";
import type { ReadReceiver } from "../../src/storage/storage-engine.js";

test("reads of rows never take the last thread, however many and however slow they are", () => {
  const { threads, reads } = threadsUnderTest(4);
  for (let i = 0; i < 30; i++) readRows(reads);
  assert.deepEqual(pendingOf(threads), [10, 10, 10, 0]);
  for (let i = 0; i < 5; i++) readMany(reads);
  assert.deepEqual(pendingOf(threads), [10, 10, 10, 5]);
});

test("gets take all threads, but none with a read of rows under way", () => {
  const { threads, reads } = threadsUnderTest(3);
  for (let i = 0; i < 9; i++) readMany(reads);
  assert.deepEqual(pendingOf(threads), [3, 3, 3]);
  readRows(reads);
  for (let i = 0; i < 6; i++) readMany(reads);
  assert.deepEqual(pendingOf(threads), [4, 6, 6]);
  // The read of rows was the last that the first thread got.
  threads[0]?.answerAll();
  for (let i = 0; i < 6; i++) readMany(reads);
  assert.deepEqual(pendingOf(threads), [6, 6, 6]);
});

test("a read of rows that fails leaves its thread to gets again, and each is answered once", () => {
  const { threads, reads } = threadsUnderTest(2);
  const answers: string[] = [];
  reads.readRows(anyRange, anyOptions, { resolve: () => answers.push("rows"), reject: ({ code }) => answers.push(code) });
  reads.readRows(anyRange, anyOptions, { resolve: () => answers.push("rows"), reject: ({ code }) => answers.push(code) });
  readMany(reads);
  assert.deepEqual(pendingOf(threads), [2, 1]);
  threads[0]?.failFirst();
  threads[0]?.answerAll();
  assert.deepEqual(answers, ["STORAGE_FAILED", "rows"]);
  readMany(reads);
  assert.deepEqual(pendingOf(threads), [1, 1]);
});

const anyRange = { start: Buffer.from("a"), end: Buffer.from("b") };
const anyOptions = { maxRows: 1, maxBytes: 1 };
const anyone: ReadReceiver = { resolve: () => undefined, reject: () => undefined };

function readRows(reads: ReadThreads): void {
  reads.readRows(anyRange, anyOptions, anyone);
}

function readMany(reads: ReadThreads): void {
  reads.readMany(new PackedKeys(), 0, anyone);
}

function threadsUnderTest(count: number): { threads: SlowThread[]; reads: ReadThreads } {
  const threads = Array.from({ length: count }, () => new SlowThread());
  return { threads, reads: new ReadThreads(threads) };
}

function pendingOf(threads: readonly SlowThread[]): number[] {
  return threads.map(({ pendingCount }) => pendingCount);
}

/** Answers when the test says. */
class SlowThread implements ReadingThread {
  readonly #pending: ReadReceiver[] = [];

  get pendingCount(): number {
    return this.#pending.length;
  }

  readMany(_keys: PackedKeys, _valueMaxBytes: number, receiver: ReadReceiver): void {
    this.#pending.push(receiver);
  }

  readRows(_range: object, _options: object, receiver: ReadReceiver): void {
    this.#pending.push(receiver);
  }

  answerAll(): void {
    for (const receiver of this.#pending.splice(0)) receiver.resolve(noRows());
  }

  failFirst(): void {
    this.#pending.shift()?.reject(new BigMapError("STORAGE_FAILED", "The test says so"));
  }

  async close(): Promise<void> {}
}
