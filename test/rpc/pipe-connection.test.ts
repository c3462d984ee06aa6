import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { constants } from "node:http2";
import { describe, test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { encodePipeRequest } from "../../src/proto/pipe-request-codec.js";
import { PipeConnection } from "../../src/rpc/pipe-connection.js";
import type { PipeCall } from "../../src/rpc/service.js";
import { SharedRoom } from "../../src/rpc/shared-room.js";
import { StallWatch } from "../../src/rpc/stall-watch.js";
import { ManualClock } from "../client/manual-clock.js";
import { FakeTarget } from "./fake-target.js";
import { gets, puts } from "./pipe-fixture.js";

/** A call whose client is the test. Like a stream of gRPC, it is full after 16 messages until the last of them is taken. */
class FakeCall extends EventEmitter {
  isPaused = false;
  readonly resets: (number | string)[] = [];
  readonly call = { stream: { close: (code: number) => this.resets.push(code), destroy: () => this.resets.push("destroyed") } };
  readonly frameBytes: number[] = [];
  readonly #untaken: (() => void)[] = [];

  sendMetadata(): void {}

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  write(frame: Buffer, taken: () => void): boolean {
    this.frameBytes.push(frame.length);
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
    for (let id = 2; id < 32; id++) {
      call.emit("data", encodePipeRequest(gets(["key"]), id, 0));
      call.takeOne();
    }
    for (let id = 32; id < 52; id++) call.emit("data", encodePipeRequest(gets(["key"]), id, 0));
    assert.equal(target.submissions.length, 51);
    assert.equal(call.isPaused, false);
  });

  test("begins with 2 MiB of answers, and has more the more of them were taken", async () => {
    const { call, target } = connectionUnderTest();
    call.emit("data", encodePipeRequest(puts({ key: Buffer.alloc(limits.valueMaxBytes / 2) }), 1, 0));
    call.takeOne();
    for (let id = 2; id < 52; id++) call.emit("data", encodePipeRequest(gets(["key"]), id, 0));
    const answeredAtFirst = target.submissions.length - 1;
    assert.ok(answeredAtFirst >= 1 && answeredAtFirst <= 4, `${answeredAtFirst} gets`);
    for (let taken = 0; taken < 8; taken++) {
      call.takeOne();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const untaken = target.submissions.length - 1 - 8;
    assert.ok(untaken > 8 && untaken <= 12, `${untaken} answers where 4 MiB were taken`);
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

describe("the server's end of a pipe whose client takes nothing", () => {
  test("is cut off once nothing was taken for long, and not while some is", () => {
    const { call, clock } = connectionUnderTest();
    for (let id = 1; id <= 3; id++) call.emit("data", encodePipeRequest(gets(["nothing"]), id, 0));
    for (let taken = 0; taken < 2; taken++) {
      call.takeOne();
      clock.advance(limits.streamStallMostMs);
    }
    assert.deepEqual(call.resets, []);
    clock.advance(limits.streamStallMostMs);
    assert.deepEqual(call.resets, [constants.NGHTTP2_ENHANCE_YOUR_CALM, "destroyed"]);
  });

  test("is left alone where everything was taken", () => {
    const { call, clock } = connectionUnderTest();
    call.emit("data", encodePipeRequest(gets(["nothing"]), 1, 0));
    call.takeOne();
    clock.advance(3 * limits.streamStallMostMs);
    assert.deepEqual([call.resets, clock.pendingTimers], [[], 0]);
  });

  test("counts for all pipes what is unsent, until the call is over", () => {
    const allUnsent = { bytes: 0 };
    const { call, clock } = connectionUnderTest(allUnsent);
    for (let id = 1; id <= 3; id++) call.emit("data", encodePipeRequest(gets(["nothing"]), id, 0));
    const allBytes = allUnsent.bytes;
    call.takeOne();
    assert.equal(allUnsent.bytes, (allBytes * 2) / 3);
    call.emit("cancelled");
    call.takeOne();
    assert.equal(allUnsent.bytes, 0);
    clock.advance(limits.streamStallMostMs);
    assert.deepEqual([call.resets, clock.pendingTimers], [[], 0]);
  });

  test("is answered without values where other pipes have taken as few, and it has not taken 2 MiB, also what it asked before", () => {
    const allUnsent = { bytes: 0 };
    const { call, target } = connectionUnderTest(allUnsent);
    call.emit("data", encodePipeRequest(puts({ key: Buffer.alloc(limits.valueMaxBytes) }), 1, 0));
    call.takeOne();
    target.holding = true;
    for (let id = 2; id < 10; id++) call.emit("data", encodePipeRequest(gets(["key"]), id, 0));
    allUnsent.bytes += limits.pipesReplyTargetBytes;
    for (const submission of target.submissions.slice(1)) target.answer(submission);
    const withValue = call.frameBytes.slice(1).filter((bytes) => bytes > limits.valueMaxBytes);
    assert.ok(withValue.length <= limits.pipeReplyCrowdedBytes / limits.valueMaxBytes, `${withValue.length} values`);
  });

  test("has few large answers under way where other pipes have many, and at least one", () => {
    const { call, target } = connectionUnderTest({ bytes: limits.pipesReplyTargetBytes });
    call.emit("data", encodePipeRequest(puts({ key: Buffer.alloc(limits.valueMaxBytes) }), 1, 0));
    call.takeOne();
    for (let id = 2; id < 10; id++) call.emit("data", encodePipeRequest(gets(["key"]), id, 0));
    const answeredAtFirst = target.submissions.length - 1;
    assert.ok(answeredAtFirst >= 1 && answeredAtFirst <= 2, `${answeredAtFirst} gets`);
    for (let taken = 0; taken < 8; taken++) call.takeOne();
    assert.equal(target.submissions.length, 9);
  });
});

function connectionUnderTest(allUnsent = { bytes: 0 }): { call: FakeCall; target: FakeTarget; clock: ManualClock } {
  const [call, target, clock] = [new FakeCall(), new FakeTarget(), new ManualClock()];
  new PipeConnection(call as unknown as PipeCall, {
    target,
    clock,
    sessionId: 1,
    allUnsent,
    sharedRoom: new SharedRoom(),
    stalls: new StallWatch(clock),
    onEnd: () => undefined,
  });
  return { call, target, clock };
}
