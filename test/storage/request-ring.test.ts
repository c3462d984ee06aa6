import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RequestAppender, requestRingMemory, RequestTaker } from "../../src/storage/request-ring.js";

const ringBytes = 256;

interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

const frame = fc.record({ kind: fc.integer({ min: 1, max: 9 }), payload: fc.uint8Array({ maxLength: 120 }) });
const step = fc.oneof(frame, fc.constant("take" as const), fc.constant("release" as const));

test("frames are taken as they were appended, in order, whatever lies at the end of the ring", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const memory = requestRingMemory(ringBytes);
      const appender = new RequestAppender(memory);
      const taker = new RequestTaker(memory);
      const expected: Frame[] = [];
      for (const each of steps) {
        if (each === "release") taker.release();
        else if (each === "take") takeOne(taker, expected);
        else if (appender.append(each.kind, each.payload)) expected.push(each);
      }
      while (expected.length > 0) takeOne(taker, expected);
      assert.equal(taker.take(), false);
    }),
    { seed: 7, numRuns: 500 },
  );
});

test("a full ring refuses a frame and takes it once room was given back", () => {
  const memory = requestRingMemory(ringBytes);
  const appender = new RequestAppender(memory);
  const taker = new RequestTaker(memory);
  const payload = Buffer.alloc(120, 1);
  assert.equal(appender.append(1, payload), true);
  assert.equal(appender.append(2, payload), true);
  assert.equal(appender.append(3, Buffer.alloc(0)), false);
  assert.equal(taker.take(), true);
  assert.equal(appender.append(3, payload), false, "what is taken is still read");
  taker.release();
  assert.equal(appender.append(3, payload), true);
  assert.equal(appender.append(4, Buffer.alloc(0)), false);
});

test("a frame is written in place, and is not taken before it is published", () => {
  const memory = requestRingMemory(ringBytes);
  const appender = new RequestAppender(memory);
  const taker = new RequestTaker(memory);
  for (let i = 1; i < 20; i++) {
    assert.equal(appender.reserve(100 + i), true);
    assert.equal(appender.payloadStart % 8, 0);
    appender.memory.fill(i, appender.payloadStart, appender.payloadStart + 100 + i);
    assert.equal(taker.take(), false);
    appender.publish(i);
    takeOne(taker, [{ kind: i, payload: new Uint8Array(100 + i).fill(i) }]);
    taker.release();
  }
});

test("a frame larger than the ring is refused", () => {
  assert.equal(new RequestAppender(requestRingMemory(ringBytes)).append(1, Buffer.alloc(ringBytes)), false);
});

function takeOne(taker: RequestTaker, expected: Frame[]): void {
  const next = expected.shift();
  assert.equal(taker.take(), next !== undefined);
  if (next === undefined) return;
  assert.equal(taker.kind, next.kind);
  assert.deepEqual(new Uint8Array(taker.payload), new Uint8Array(next.payload));
}
