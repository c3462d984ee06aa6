import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import type { PipeStream } from "../../src/rpc/grpc-channel.js";
import { PipeClient } from "../../src/rpc/pipe-client.js";
import { turn } from "../client/held-connection.js";
import { ManualClock } from "../client/manual-clock.js";
import { puts, RecordingSink } from "./pipe-fixture.js";

const large = Buffer.alloc(300 * 1024);

/** A stream whose writes the test lets through. */
class SlowStream extends EventEmitter {
  readonly writes: (() => void)[] = [];

  write(_frame: Buffer, onWritten: () => void): boolean {
    this.writes.push(onWritten);
    return true;
  }

  cancel(): void {
    this.emit("status");
  }
}

function start(): { readonly stream: SlowStream; readonly clock: ManualClock; readonly pipe: PipeClient } {
  const stream = new SlowStream();
  const clock = new ManualClock();
  const pipe = new PipeClient(stream as unknown as PipeStream, { clock });
  stream.emit("metadata");
  return { stream, clock, pipe };
}

/** So many batches of which two are as much as the system may leave. */
function submit(pipe: PipeClient, count: number): RecordingSink[] {
  const sinks = Array.from({ length: count }, () => new RecordingSink(1));
  for (const [i, sink] of sinks.entries()) pipe.submit(puts({ [`k${i}`]: large }), sink);
  return sinks;
}

describe("a pipe whose system takes bytes slowly", () => {
  test("sends as much as it may have unwritten, and the next once all of that is written", () => {
    const { stream, pipe } = start();
    submit(pipe, 5);
    assert.equal(stream.writes.length, 2);
    assert.equal(pipe.hasRoom, false);
    stream.writes[0]?.();
    assert.equal(stream.writes.length, 2);
    stream.writes[1]?.();
    assert.equal(stream.writes.length, 4);
    stream.writes[2]?.();
    stream.writes[3]?.();
    assert.equal(stream.writes.length, 5);
    assert.equal(pipe.hasRoom, true);
  });

  test("reads what has come before it writes on, where the writes took long", async () => {
    const { stream, clock, pipe } = start();
    submit(pipe, 3);
    clock.advance(1_000);
    for (const onWritten of stream.writes) onWritten();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(stream.writes.length, 2);
    await turn();
    assert.equal(stream.writes.length, 3);
  });

  test("knows that what waits was never begun", () => {
    const { pipe } = start();
    const sinks = submit(pipe, 3);
    pipe.abort(new BigMapError("UNAVAILABLE", "The link is down"));
    assert.deepEqual(
      sinks.map(({ loss }) => loss?.mayHaveBegun),
      [true, true, false],
    );
  });

  test("leaves small batches alone", () => {
    const { stream, pipe } = start();
    for (let i = 0; i < 1_000; i++) pipe.submit(puts({ [`k${i}`]: "v" }), new RecordingSink(1));
    assert.equal(stream.writes.length, 1_000);
  });
});
