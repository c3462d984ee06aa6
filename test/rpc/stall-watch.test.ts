import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { StallWatch, type Flow } from "../../src/rpc/stall-watch.js";
import { ManualClock } from "../client/manual-clock.js";

const stallMs = limits.streamStallMostMs;

/** Its reader takes what the test says. */
class FakeFlow implements Flow {
  cutOffs = 0;
  #takes = false;

  take(): void {
    this.#takes = true;
  }

  tookSome(): boolean {
    const takes = this.#takes;
    this.#takes = false;
    return takes;
  }

  cutOff(): void {
    this.cutOffs++;
  }
}

describe("the watch over stalled flows", () => {
  test("cuts off, once, what was there for a whole interval in which nothing of it was taken", () => {
    const clock = new ManualClock();
    const watch = new StallWatch(clock);
    const [first, later, slow] = [new FakeFlow(), new FakeFlow(), new FakeFlow()];
    watch.add(first);
    watch.add(slow);
    clock.advance(1);
    watch.add(later);
    slow.take();
    clock.advance(stallMs - 1);
    // The flow that set the timer was there from its beginning; the one after it is not blamed for what was before.
    assert.deepEqual([first.cutOffs, later.cutOffs, slow.cutOffs], [1, 0, 0]);
    slow.take();
    clock.advance(stallMs);
    assert.deepEqual([first.cutOffs, later.cutOffs, slow.cutOffs], [1, 1, 0]);
    clock.advance(stallMs);
    assert.deepEqual([first.cutOffs, later.cutOffs, slow.cutOffs], [1, 1, 1]);
    assert.equal(clock.pendingTimers, 0);
  });

  test("what was taken before something was on its way does not count", () => {
    const clock = new ManualClock();
    const flow = new FakeFlow();
    flow.take();
    new StallWatch(clock).add(flow);
    clock.advance(stallMs);
    assert.equal(flow.cutOffs, 1);
  });

  test("leaves alone what is taken in time, however often it comes again, with one timer for all", () => {
    const clock = new ManualClock();
    const watch = new StallWatch(clock);
    const flows = Array.from({ length: 100 }, () => new FakeFlow());
    for (let i = 0; i < 10; i++) {
      for (const flow of flows) watch.add(flow);
      assert.equal(clock.pendingTimers, 1);
      clock.advance(stallMs - 1);
      for (const flow of flows) watch.remove(flow);
    }
    clock.advance(stallMs);
    assert.equal(clock.pendingTimers, 0);
    assert.ok(flows.every(({ cutOffs }) => cutOffs === 0));
  });
});
