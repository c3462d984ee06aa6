import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { settle } from "../../src/testing/manual-clock.js";
import { startRouter, type RouterUnderTest } from "./router-under-test.js";

/** A map of one canister (number 1) and 1,000 B of cap; entries of 100 B each. */
async function startWithMap(): Promise<RouterUnderTest> {
  const tested = await startRouter();
  await tested.router.createMap("m", { initialCanisters: 1 });
  return tested;
}

function fill(tested: RouterUnderTest, entries: number, highFrom = 0, highTo = 2 ** 32): void {
  const step = (highTo - highFrom) / entries;
  for (let i = 0; i < entries; i++) tested.host.put(1, { high: Math.floor(highFrom + i * step), low: i }, 100);
}

const sizes = (tested: RouterUnderTest): number[] => tested.host.canisterStatuses().map(({ bytes }) => bytes);

describe("automatic splits", () => {
  test("begin as soon as a canister reports pressure, in halves by bytes", async () => {
    const tested = await startWithMap();
    fill(tested, 8);
    await settle();
    assert.deepEqual(sizes(tested), [400, 400]);
    assert.equal((await tested.router.getRing("m")).ring.size, 2);
  });

  test("begin with the tick where no report came", async () => {
    const tested = await startWithMap();
    const press = tested.host.press.bind(tested.host);
    tested.host.press = () => undefined;
    fill(tested, 8);
    await settle();
    assert.equal(sizes(tested).length, 1);
    await tested.clock.advanceAndSettle(1_000);
    assert.equal(sizes(tested).length, 2);
    tested.host.press = press;
  });

  test("go on until no canister is over its soft cap, whatever it took in meanwhile", async () => {
    const tested = await startWithMap();
    fill(tested, 100);
    await tested.clock.advanceAndSettle(5_000);
    assert.ok(sizes(tested).every((bytes) => bytes < 750));
    assert.equal(
      sizes(tested).reduce((sum, bytes) => sum + bytes, 0),
      10_000,
    );
  });

  test("of several canisters run at once, the fullest first, and are bounded (defect 13: one split at a time)", async () => {
    const tested = await startRouter();
    const { host, router } = tested;
    await router.createMap("m", { initialCanisters: 8 });
    const press = host.press.bind(host);
    host.press = () => undefined;
    const width = 2 ** 29;
    for (let i = 0; i < 8; i++) fill(tested, 8 + i, i * width, (i + 1) * width);
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    host.splitGate = () => gate;
    press(1);
    await settle();
    assert.equal(host.splitsUnderWay, 4);
    assert.deepEqual(host.splitAttempts, [8, 7, 6, 5]);
    open();
    // No time passes: what the bound held back begins when others end.
    for (let i = 0; i < 10; i++) await settle();
    assert.deepEqual(host.splitAttempts.slice(0, 8).sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.ok(sizes(tested).every((bytes) => bytes < 750));
    await router.stop();
  });

  test("are tried again with backoff where the canister is busy", async () => {
    const tested = await startWithMap();
    tested.host.splitFailures.push("CANISTER_BUSY", "CANISTER_BUSY", "CANISTER_BUSY");
    fill(tested, 8);
    await settle();
    assert.equal(tested.host.splitAttempts.length, 1);
    await tested.clock.advanceAndSettle(500);
    assert.equal(tested.host.splitAttempts.length, 4);
    assert.deepEqual(sizes(tested), [400, 400]);
  });

  test("are not tried again where the need is gone when the backoff ends", async () => {
    const tested = await startWithMap();
    tested.host.splitFailures.push("CANISTER_BUSY");
    fill(tested, 8);
    await settle();
    tested.host.removeEntries();
    await tested.clock.advanceAndSettle(10_000);
    assert.equal(tested.host.splitAttempts.length, 1);
  });

  test("succeed later after one has failed (defect 6: a failed split ended all splits)", async () => {
    const tested = await startWithMap();
    tested.host.splitFailures.push("STORAGE_FAILED");
    fill(tested, 8);
    await settle();
    assert.deepEqual(sizes(tested), [800]);
    await tested.clock.advanceAndSettle(2_000);
    assert.deepEqual(sizes(tested), [400, 400]);
  });

  test("that fail for good do not fill the time with attempts, and others are not held up", async () => {
    const tested = await startRouter();
    await tested.router.createMap("m", { initialCanisters: 2 });
    for (let i = 0; i < 200; i++) tested.host.splitFailures.push("STORAGE_FAILED");
    fill(tested, 8, 0, 2 ** 31);
    await tested.clock.advanceAndSettle(10_000);
    assert.ok(tested.host.splitAttempts.length <= 11, `${tested.host.splitAttempts.length} attempts in 10 s`);
    tested.host.splitFailures.length = 0;
    fill(tested, 8, 2 ** 31, 2 ** 32);
    await settle();
    assert.ok(tested.host.splitAttempts.includes(2));
    await tested.clock.advanceAndSettle(2_000);
    assert.deepEqual(sizes(tested), [400, 400, 400, 400]);
  });

  test("leave a canister of one token alone until its bytes changed by a tenth, then split it", async () => {
    const tested = await startWithMap();
    const { host, clock } = tested;
    for (let i = 0; i < 8; i++) host.put(1, { high: 7, low: 7 }, 100);
    await clock.advanceAndSettle(20_000);
    assert.equal(host.splitAttempts.length, 1);
    host.put(1, { high: 9, low: 9 }, 79);
    await clock.advanceAndSettle(5_000);
    assert.equal(host.splitAttempts.length, 1);
    host.put(1, { high: 9, low: 9 }, 1);
    await settle();
    assert.deepEqual(sizes(tested), [800, 80]);
  });

  test("answer updates that wait at the hard cap below the soft cap", async () => {
    const tested = await startWithMap();
    fill(tested, 4);
    tested.host.waiting.add(1);
    tested.host.press(1);
    await settle();
    assert.deepEqual(sizes(tested), [200, 200]);
  });

  test("of a map that is dropped meanwhile end, and leave nothing behind", async () => {
    const tested = await startWithMap();
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    tested.host.splitGate = () => gate;
    fill(tested, 8);
    await settle();
    await tested.router.dropMap("m");
    open();
    await tested.clock.advanceAndSettle(5_000);
    assert.deepEqual((await tested.meta.list("canister/")).records, []);
    assert.equal(tested.host.splitAttempts.length, 1);
    await tested.router.stop();
  });
});

describe("stopping the router", () => {
  test("waits for the splits under way, automatic or not, and begins no other", async () => {
    const tested = await startRouter();
    await tested.router.createMap("m", { initialCanisters: 2 });
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    tested.host.splitGate = () => gate;
    fill(tested, 8, 0, 2 ** 31);
    const manual = tested.router.splitCanister(2, { high: 2 ** 31 + 1, low: 0 });
    await settle();
    let stopped = false;
    const stopping = tested.router.stop().then(() => (stopped = true));
    await settle();
    assert.equal(stopped, false);
    open();
    await stopping;
    assert.equal((await manual).leftId, 2);
    assert.equal(sizes(tested).length, 4);
    fill(tested, 30);
    await tested.clock.advanceAndSettle(5_000);
    assert.equal(sizes(tested).length, 4);
    assert.equal(tested.clock.pendingTimers, 0);
  });

  test("ends the wait of an operator between two attempts", async () => {
    const tested = await startWithMap();
    tested.host.splitFailures.push("CANISTER_BUSY");
    fill(tested, 8);
    await settle();
    await tested.router.stop();
    assert.equal(tested.host.splitAttempts.length, 1);
    assert.equal(tested.clock.pendingTimers, 0);
  });
});
