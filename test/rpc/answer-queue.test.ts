import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { noErrors, type ResultBatch } from "../../src/base/operation-batch.js";
import type { PipeAnswer } from "../../src/proto/pipe-response-codec.js";
import { AnswerQueue } from "../../src/rpc/answer-queue.js";

function answerOf(batchId: number, count: number): PipeAnswer {
  const results: ResultBatch = {
    count,
    indexes: undefined,
    statuses: new Uint8Array(count),
    versions: Float64Array.from({ length: count }, (_, i) => 1_000 * batchId + i),
    values: new Uint8Array(0),
    valueOffsets: new Uint32Array(count + 1),
    errors: noErrors,
  };
  return { batchId, results };
}

describe("a queue of answers", () => {
  test("gives every result once, in order, whatever the parts", () => {
    const queue = new AnswerQueue();
    const versions: number[] = [];
    const take = (): void => {
      for (let rest = 2; rest > 0 && !queue.isEmpty;) {
        const { results } = queue.take(rest);
        rest -= results.count;
        versions.push(...results.versions);
      }
    };
    const expected: number[] = [];
    for (let batchId = 1; batchId <= 500; batchId++) {
      const answer = answerOf(batchId, 1 + (batchId % 3));
      expected.push(...answer.results.versions);
      queue.push(answer);
      take();
    }
    while (!queue.isEmpty) take();
    assert.deepEqual(versions, expected);
  });

  test("lets answers go that were taken, though it is never empty", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const queue = new AnswerQueue();
    const taken: WeakRef<PipeAnswer>[] = [];
    queue.push(answerOf(1, 1));
    for (let batchId = 2; batchId <= 2_000; batchId++) {
      queue.push(answerOf(batchId, 1));
      taken.push(new WeakRef(queue.take(1)));
    }
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const held = taken.filter((answer) => answer.deref() !== undefined).length;
    assert.ok(!queue.isEmpty && held < 200, `${held} answers are held`);
  });
});
