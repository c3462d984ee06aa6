import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ServerWritableStream } from "@grpc/grpc-js";
import { limits } from "../../src/base/limits.js";
import type { MessageCodec } from "../../src/proto/message-codec.js";
import { streamMessages } from "../../src/rpc/server-stream.js";
import { StallWatch } from "../../src/rpc/stall-watch.js";
import { ManualClock } from "../client/manual-clock.js";

const codec = {
  encode: (text: string) => Buffer.from(text),
  decode: (frame: Uint8Array) => Buffer.from(frame).toString(),
} as MessageCodec<string>;

/** A stream that takes a message when `take` is called. */
class SlowCall {
  readonly frames: string[] = [];
  take = (): void => undefined;

  write(frame: Buffer, taken: () => void): boolean {
    this.frames.push(frame.toString());
    this.take = taken;
    return true;
  }

  get asCall(): ServerWritableStream<Buffer, Buffer> {
    return this as unknown as ServerWritableStream<Buffer, Buffer>;
  }
}

describe("a stream of messages", () => {
  test("makes the next message when the one before it was taken, and no sooner", async () => {
    const call = new SlowCall();
    const made: string[] = [];
    async function* messages(): AsyncGenerator<string> {
      for (const text of ["a", "b", "c"]) {
        made.push(text);
        yield text;
      }
    }
    const done = streamMessages(messages(), codec, call.asCall, new AbortController().signal, new StallWatch(new ManualClock()));
    for (const count of [1, 2, 3]) {
      await turns();
      assert.deepEqual([made.length, call.frames.length], [count, count]);
      call.take();
    }
    await done;
  });

  test("ends where its reader takes nothing for long, and ends its source", async () => {
    const call = new SlowCall();
    const clock = new ManualClock();
    let ended = false;
    async function* messages(): AsyncGenerator<string> {
      try {
        for (;;) yield "page";
      } finally {
        ended = true;
      }
    }
    const done = streamMessages(messages(), codec, call.asCall, new AbortController().signal, new StallWatch(clock));
    await turns();
    clock.advance(limits.streamStallMostMs - 1);
    call.take();
    await turns();
    // It was not there for the whole of the first interval.
    clock.advance(limits.streamStallMostMs);
    assert.deepEqual([call.frames.length, ended], [2, false]);
    clock.advance(1);
    await assert.rejects(done, { code: "DEADLINE_EXCEEDED" });
    await turns();
    assert.ok(ended);
    assert.equal(clock.pendingTimers, 0);
  });

  test("holds on to no message that was taken", async () => {
    const call = new SlowCall();
    const made: WeakRef<{ readonly text: string }>[] = [];
    async function* messages(): AsyncGenerator<{ readonly text: string }> {
      for (let i = 0; i < 20; i++) {
        const message = { text: `page ${i}` };
        made.push(new WeakRef(message));
        yield message;
      }
    }
    const textCodec = { encode: ({ text }: { readonly text: string }) => Buffer.from(text) } as MessageCodec<{ readonly text: string }>;
    const abort = new AbortController();
    const done = streamMessages(messages(), textCodec, call.asCall, abort.signal, new StallWatch(new ManualClock()));
    for (let taken = 0; taken < 19; taken++) {
      await turns();
      call.take();
    }
    await turns();
    assert.equal(made.length, 20);
    collectGarbage();
    const alive = made.filter((ref) => ref.deref() !== undefined).length;
    assert.ok(alive <= 3, `${alive} of 20 messages are held`);
    abort.abort(new Error("enough"));
    await assert.rejects(done, { message: "enough" });
  });

  test("a stream that is cancelled leaves no timer behind", async () => {
    const call = new SlowCall();
    const clock = new ManualClock();
    async function* messages(): AsyncGenerator<string> {
      for (;;) yield "page";
    }
    const abort = new AbortController();
    const done = streamMessages(messages(), codec, call.asCall, abort.signal, new StallWatch(clock));
    await turns();
    abort.abort(new Error("enough"));
    await assert.rejects(done, { message: "enough" });
    clock.advance(limits.streamStallMostMs);
    assert.equal(clock.pendingTimers, 0);
  });
});

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

/** Lets everything run that waits for nothing but its turn. */
function turns(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
