import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { SharedWork } from "../../src/rpc/shared-work.js";
import { ManualClock, settle } from "../../src/testing/manual-clock.js";

describe("work that callers share", () => {
  test("is done once for those that ask before it begins, and anew for those that ask later", async () => {
    const shared = new SharedWork<number>(new ManualClock());
    let done = 0;
    const work = async (): Promise<number> => ++done;
    const first = Array.from({ length: 1_000 }, () => shared.share("a", work));
    const other = shared.share("b", async () => -1);
    assert.deepEqual(new Set(await Promise.all(first)), new Set([1]));
    assert.equal(await other, -1);
    assert.equal(await shared.share("a", work), 2);
  });

  test("that runs already is not shared: it may have seen what was before the call", async () => {
    const shared = new SharedWork<string>(new ManualClock());
    let finish = (): void => undefined;
    const running = shared.share("a", () => new Promise((resolve) => (finish = () => resolve("old"))));
    await settle();
    const later = shared.share("a", async () => "new");
    await settle();
    finish();
    assert.deepEqual(await Promise.all([running, later]), ["old", "new"]);
  });

  test("leaves the loop to others for four times as long as it took", async () => {
    const clock = new ManualClock();
    const shared = new SharedWork<number>(clock);
    const began: number[] = [];
    const work = async (): Promise<number> => {
      began.push(clock.monotonicMs());
      clock.advance(10);
      return 0;
    };
    for (const key of ["a", "b", "c"]) void shared.share(key, work);
    await settle();
    await clock.advanceAndSettle(39);
    assert.deepEqual(began, [0]);
    await clock.advanceAndSettle(200);
    assert.deepEqual(began, [0, 50, 100]);
    await settle();
    assert.equal(clock.pendingTimers, 0);
  });

  test("that fails fails for all who asked, and the next is done", async () => {
    const shared = new SharedWork<number>(new ManualClock());
    const fail = (): Promise<number> => Promise.reject(new BigMapError("MAP_NOT_FOUND", "There is no map"));
    const asked = [shared.share("a", fail), shared.share("a", fail), shared.share("b", async () => 2)];
    const codes = (await Promise.allSettled(asked)).map((each) => (each.status === "rejected" ? BigMapError.from(each.reason).code : 0));
    assert.deepEqual(codes, ["MAP_NOT_FOUND", "MAP_NOT_FOUND", 0]);
  });

  test("is refused where much of it waits, before it is begun", async () => {
    const shared = new SharedWork<number>(new ManualClock());
    const waiting = Array.from({ length: 1_024 }, (_, i) => shared.share(`${i}`, async () => i));
    await assert.rejects(
      shared.share("another", () => assert.fail("it was begun")),
      { code: "OVERLOADED" },
    );
    assert.equal(await shared.share("7", () => assert.fail("it was begun")), 7);
    assert.equal((await Promise.all(waiting)).length, 1_024);
  });
});
