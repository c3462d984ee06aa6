import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { encodePipeRequest } from "../../src/proto/pipe-request-codec.js";
import { PipeConnection } from "../../src/rpc/pipe-connection.js";
import type { PipeCall } from "../../src/rpc/service.js";
import { ManualClock } from "../client/manual-clock.js";
import { FakeTarget } from "./fake-target.js";
import { gets, puts } from "./pipe-fixture.js";

/** A call whose client is the test. Like a stream of gRPC, it is full after 16 messages until the last of them is taken. */
class FakeCall extends EventEmitter {
  isPaused = false;
  readonly #untaken: (() => void)[] = [];

  sendMetadata(): void {}

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  write(_frame: Buffer, taken: () => void): boolean {
    this.#untaken.push(taken);
    return this.#untaken.length < 16;
  }

  takeOne(): void {
    this.#untaken.shift()?.();
    if (this.#untaken.length === 0) this.emit("drain");
  }
}

describe("the server's end of a pipe whose client is slow to take answers", () => {
  test("goes on reading behind large answers that follow each other, as long as they are not too many bytes", async () => {
    const { call, target } = connectionUnderTest();
    call.emit("data", encodePipeRequest(puts({ key: Buffer.alloc(limits.pipeReplyTargetBytes / 32) }), 1, 0));
    call.takeOne();
    for (let id = 2; id < 22; id++) call.emit("data", encodePipeRequest(gets(["key"]), id, 0));
    assert.equal(target.submissions.length, 21);
    assert.equal(call.isPaused, false);
  });

  test("stops reading where the answers are too many, and goes on once one is taken", async () => {
    const { call } = connectionUnderTest();
    let lastId = 0;
    while (!call.isPaused) {
      assert.ok(lastId < 2_000);
      call.emit("data", encodePipeRequest(gets(["nothing"]), ++lastId, 0));
    }
    call.takeOne();
    assert.equal(call.isPaused, false);
  });
});

function connectionUnderTest(): { call: FakeCall; target: FakeTarget } {
  const [call, target] = [new FakeCall(), new FakeTarget()];
  new PipeConnection(call as unknown as PipeCall, { target, clock: new ManualClock(), sessionId: 1, onEnd: () => undefined });
  return { call, target };
}
