import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import { BigMapError } from "../../src/base/errors.js";
import { resultStatus, type ResultBatch } from "../../src/base/operation-batch.js";
import { ResultBatchBuilder } from "../../src/base/result-batch-builder.js";
import { encodePipeResponse } from "../../src/proto/pipe-response-codec.js";
import type { PipeStream } from "../../src/rpc/grpc-channel.js";
import { PipeClient, type PipeClientOptions } from "../../src/rpc/pipe-client.js";
import { ManualClock } from "../client/manual-clock.js";
import { gets, puts, RecordingSink } from "./pipe-fixture.js";

/** A stream whose other end is the test. */
class FakeStream extends EventEmitter {
  readonly written: Buffer[] = [];

  write(frame: Buffer): boolean {
    this.written.push(frame);
    return true;
  }

  end(): void {
    this.emit("status");
  }

  cancel(): void {
    this.emit("status");
  }
}

const operations = 200;

const keys = Array.from({ length: operations }, (_, i) => `key-${i}`);

function all(status: number): ResultBatch {
  const results = new ResultBatchBuilder(operations);
  for (let i = 0; i < operations; i++) results.add(i, status, i + 1);
  return results.build(true);
}

function allWritten(): ResultBatch {
  return all(resultStatus.written);
}

/** A pipe that stands, whose replica does not end it. */
function hangingPipe(options: Partial<PipeClientOptions> = {}): { stream: FakeStream; clock: ManualClock; pipe: PipeClient } {
  const stream = new FakeStream();
  stream.end = () => undefined;
  const clock = new ManualClock();
  const pipe = new PipeClient(stream as unknown as PipeStream, { clock, ...options });
  stream.emit("metadata");
  return { stream, clock, pipe };
}

describe("a pipe that ends with answers that are not handed out", () => {
  test("hands them out, and sends nothing any more that is asked meanwhile", () => {
    const stream = new FakeStream();
    const pipe = new PipeClient(stream as unknown as PipeStream, { clock: systemClock });
    stream.emit("metadata");
    const answered = new RecordingSink(operations);
    const askedMeanwhile = new RecordingSink(1);
    const deliver = answered.deliver.bind(answered);
    answered.deliver = (results) => {
      deliver(results);
      if (answered.parts.length === 2) pipe.submit(puts({ late: "1" }), askedMeanwhile);
    };
    pipe.submit(gets(keys), answered);
    stream.emit("data", encodePipeResponse([{ batchId: 1, results: all(resultStatus.notFound) }]));
    assert.equal(answered.parts.length, 1);
    stream.emit("status");
    assert.equal(answered.loss, undefined);
    assert.equal(
      answered.parts.reduce((sum, { count }) => sum + count, 0),
      operations,
    );
    assert.equal(stream.written.length, 1);
    assert.equal(askedMeanwhile.loss?.mayHaveBegun, false);
  });

  test("has none of updates: their answers are handed out whole", () => {
    const stream = new FakeStream();
    const pipe = new PipeClient(stream as unknown as PipeStream, { clock: systemClock });
    stream.emit("metadata");
    const answered = new RecordingSink(operations);
    pipe.submit(puts(Object.fromEntries(keys.map((key) => [key, "1"]))), answered);
    stream.emit("data", encodePipeResponse([{ batchId: 1, results: allWritten() }]));
    assert.deepEqual(
      answered.parts.map(({ count }) => count),
      [operations],
    );
    stream.emit("status");
    assert.equal(answered.loss, undefined);
  });

  test("is not waited for where its replica hangs and nothing is under way", async () => {
    const { stream, clock, pipe } = hangingPipe();
    const sink = new RecordingSink(operations);
    pipe.submit(puts(Object.fromEntries(keys.map((key) => [key, "1"]))), sink);
    const closed = pipe.close();
    clock.advance(5_000);
    assert.equal(sink.loss, undefined, "what is under way is waited for");
    stream.emit("data", encodePipeResponse([{ batchId: 1, results: allWritten() }]));
    await sink.done;
    clock.advance(1_000);
    await closed;
    assert.equal(clock.pendingTimers, 0);
  });

  test("is not waited for where its replica hangs and nobody waits for what is under way", async () => {
    const { stream, clock, pipe } = hangingPipe();
    const [withdrawn, awaited] = [new RecordingSink(1), new RecordingSink(operations)];
    pipe.submit(puts({ key: "1" }), withdrawn);
    pipe.submit(puts(Object.fromEntries(keys.map((key) => [key, "1"]))), awaited);
    pipe.withdraw(withdrawn, new BigMapError("DEADLINE_EXCEEDED", "Too late"));
    const closed = pipe.close();
    clock.advance(5_000);
    assert.equal(awaited.loss, undefined, "what somebody waits for is waited for");
    stream.emit("data", encodePipeResponse([{ batchId: 2, results: allWritten() }]));
    await awaited.done;
    clock.advance(1_000);
    assert.equal(pipe.state.kind, "closed");
    await closed;
    assert.equal(clock.pendingTimers, 0);
  });

  test("is not waited for where its replica hangs and what waited for the window was withdrawn", async () => {
    const { clock, pipe } = hangingPipe({ windowMaxOperations: 1 });
    const sinks = [new RecordingSink(1), new RecordingSink(1)] as const;
    for (const sink of sinks) pipe.submit(puts({ key: "1" }), sink);
    const closed = pipe.close();
    for (const sink of sinks) pipe.withdraw(sink, new BigMapError("DEADLINE_EXCEEDED", "Too late"));
    clock.advance(1_000);
    assert.equal(pipe.state.kind, "closed");
    await closed;
    assert.equal(clock.pendingTimers, 0);
  });

  test("loses every operation that an answer named twice", () => {
    const stream = new FakeStream();
    const pipe = new PipeClient(stream as unknown as PipeStream, { clock: systemClock });
    stream.emit("metadata");
    const sink = new RecordingSink(3);
    pipe.submit(puts({ a: "1", b: "2", c: "3" }), sink);
    const results = new ResultBatchBuilder(2);
    for (let i = 0; i < 2; i++) results.add(1, resultStatus.written, 7);
    stream.emit("data", encodePipeResponse([{ batchId: 1, results: results.build(false) }]));
    assert.equal(sink.error?.code, "FRAME_INVALID");
    assert.equal(sink.parts.length, 0);
    assert.deepEqual([...(sink.loss?.indexes ?? [])], [0, 1, 2]);
  });
});
