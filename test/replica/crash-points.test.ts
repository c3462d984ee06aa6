import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { faultPointNames, type FaultPointName, type FaultPoints } from "../../src/base/fault-points.js";
import { seededRandom, type Random } from "../../src/base/random.js";
import { tokenOf } from "../../src/ring/token.js";
import { settle } from "../../src/testing/manual-clock.js";
import { NodeUnderTest, keepLoopAlive, put, remove, settleAll } from "./node-under-test.js";

/** Crashes the disk when a point is reached for the n-th time since it was armed; counts how often each one is reached. */
class CrashingFaults implements FaultPoints {
  readonly reached = new Map<FaultPointName, number>();
  crash: () => void = () => undefined;
  hasCrashed = false;
  /** Resolves at the crash: in a process that is gone nothing is waited for. */
  crashed: Promise<void> = Promise.resolve();
  #tellCrashed: () => void = () => undefined;
  #armed: FaultPointName | undefined;
  #left = 0;

  arm(point: FaultPointName, times: number): void {
    this.#armed = point;
    this.#left = times;
    this.hasCrashed = false;
    this.crashed = new Promise((resolve) => (this.#tellCrashed = resolve));
  }

  reach(point: FaultPointName): void {
    this.reached.set(point, (this.reached.get(point) ?? 0) + 1);
    if (point !== this.#armed || --this.#left > 0) return;
    this.#armed = undefined;
    this.hasCrashed = true;
    this.crash();
    this.#tellCrashed();
  }
}

/** What each key may hold: one thing once an update is acknowledged, more while the outcome of some is not known. */
class PossibleContents {
  readonly #possible = new Map<string, (string | undefined)[]>();

  acknowledged(key: string, value: string | undefined): void {
    this.#possible.set(key, [value]);
  }

  unknown(key: string, value: string | undefined): void {
    this.#possible.set(key, [...(this.#possible.get(key) ?? [undefined]), value]);
  }

  check(contents: ReadonlyMap<string, string>): void {
    for (const key of contents.keys()) assert.ok(this.#possible.has(key), `${key} was never written`);
    for (const [key, values] of this.#possible) {
      assert.ok(
        values.includes(contents.get(key)),
        `${key} holds ${contents.get(key)?.slice(0, 12)} and not ${values.map((value) => value?.slice(0, 12)).join(" or ")}`,
      );
      this.acknowledged(key, contents.get(key));
    }
  }
}

const valueBytes = 1_500;
const certainlyRefused: readonly string[] = ["CANISTER_FULL", "CANISTER_BUSY"];

/** Writes and deletes each of some keys once, all in one turn. */
async function burst(subject: NodeUnderTest, possible: PossibleContents, random: Random): Promise<void> {
  const keys = new Set(Array.from({ length: 24 }, () => `key-${random.below(120)}`));
  const updates = Array.from(keys, (key) => ({
    key,
    value: random.below(5) === 0 ? undefined : `${random.uint32()}-`.padEnd(valueBytes, "v"),
  }));
  const answers = await subject.answers(updates.map(({ key, value }) => (value === undefined ? remove(key) : put(key, value))));
  updates.forEach(({ key, value }, i) => {
    const answer = answers[i] as string;
    if (["written", "deleted", "nothing"].includes(answer)) possible.acknowledged(key, value);
    else if (!certainlyRefused.includes(answer)) possible.unknown(key, value);
  });
}

async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    return BigMapError.from(error).code;
  }
}

/** One run: fill, arm, go on with everything until the crash, open again, check. */
async function runUntilCrash(point: FaultPointName, times: number, survivorCount: number, faults: CrashingFaults): Promise<void> {
  const random = seededRandom(1_000 * times + survivorCount);
  const subject = await NodeUnderTest.open({ faults });
  const { disk } = subject;
  faults.crash = () => disk.crash(survivorCount);
  const possible = new PossibleContents();
  for (const map of ["m", "cleared", "dropped"]) await subject.node.router.createMap(map, { initialCanisters: 1 });
  const others = Array.from({ length: 20 }, (_, i) => put(`other-${i}`, "o".repeat(100)));
  await subject.ask(others, { map: "cleared" });
  await subject.ask(others, { map: "dropped" });
  for (let i = 0; i < 3; i++) await burst(subject, possible, random);
  faults.arm(point, times);
  let cleared = "not asked";
  let dropped = "not asked";
  let last: Promise<void> = Promise.resolve();
  for (let i = 0; i < 12 && !faults.hasCrashed; i++) {
    const canisters = subject.canisters();
    const picked = canisters[random.below(canisters.length)]?.canisterId ?? 0;
    const split = code(subject.node.router.splitCanister(picked, undefined));
    if (i === 3) cleared = await code(subject.node.connection.clear("cleared"));
    if (i === 4 && !faults.hasCrashed) dropped = await code(subject.node.router.dropMap("dropped"));
    last = burst(subject, possible, random);
    await Promise.race([Promise.all([last, split]), faults.crashed]);
  }
  // A checkpoint comes with the orderly end.
  await code(subject.node.close());
  await last;
  assert.ok(faults.hasCrashed, `${point} was not reached ${times} times`);
  await subject.reopen();
  possible.check(await subject.contents());
  await subject.expectSound();
  await expectClearedOrWhole(subject, cleared);
  await expectDroppedOrWhole(subject, dropped);
  await burst(subject, possible, random);
  possible.check(await subject.contents());
  await subject.restart();
  possible.check(await subject.contents());
  await subject.expectSound();
  await subject.node.close();
}

async function expectClearedOrWhole(subject: NodeUnderTest, outcome: string): Promise<void> {
  const { size } = await subject.contents("cleared");
  const allowed = outcome === "done" ? [0] : outcome === "not asked" ? [20] : [0, 20];
  assert.ok(allowed.includes(size), `a map of which clear was ${outcome} holds ${size} entries`);
  await subject.expectSound("cleared");
}

/** A map that is gone can be made again, and is empty then. */
async function expectDroppedOrWhole(subject: NodeUnderTest, outcome: string): Promise<void> {
  const isGone = (await code(subject.node.router.describeMap("dropped"))) === "MAP_NOT_FOUND";
  if (outcome === "done") assert.ok(isGone);
  if (outcome === "not asked") assert.ok(!isGone);
  if (isGone) await subject.node.router.createMap("dropped", { initialCanisters: 1 });
  assert.equal((await subject.contents("dropped")).size, isGone ? 0 : 20);
  await subject.expectSound("dropped");
}

describe("a crash", () => {
  keepLoopAlive();
  const faults = new CrashingFaults();

  for (const point of faultPointNames) {
    test(`at ${point} loses nothing that was acknowledged, and brings nothing back`, async () => {
      // A map is dropped and cleared, and the last checkpoint written, once in a run.
      const rounds = /^(clear|drop|checkpoint)/.test(point) ? [1] : [1, 4];
      for (const times of rounds) for (const survivors of [0, 2]) await runUntilCrash(point, times, survivors, faults);
    });
  }

  test("was tried at every fault point there is", () => {
    for (const point of faultPointNames) assert.ok((faults.reached.get(point) ?? 0) > 0, point);
  });
});

/** Keys that fall into canisters of their own. */
async function lonelyKeys(subject: NodeUnderTest, count: number): Promise<string[]> {
  const { ring } = await subject.node.connection.getRing("m");
  const keys = new Map<number, string>();
  for (let i = 0; keys.size < count; i++) {
    const { high, low } = tokenOf(Buffer.from(`key-${i}`));
    const place = ring.indexOf(high, low);
    if (!keys.has(place)) keys.set(place, `key-${i}`);
  }
  return [...keys.values()];
}

describe("the delta rows of a replica", () => {
  test("are folded into the canisters' rows while commits are under way, and a crash finds the exact counts", async () => {
    const subject = await NodeUnderTest.open();
    await subject.node.router.createMap("m", { initialCanisters: 256 });
    const [busy, ...others] = (await lonelyKeys(subject, 61)) as [string, ...string[]];
    // Opening each canister was a commit too; a checkpoint comes after 2,000.
    for (let i = 0; i < 1_960 - 256; i++) await subject.ask([put(busy, "v".repeat(i % 50))]);
    // The checkpoint comes at one of these commits, while the next one, of a canister that was never written to, is under way.
    for (const other of others) {
      const go = subject.disk.hold();
      const first = subject.answers([put(busy, "v")]);
      await settle();
      const second = subject.answers([put(other, "v")]);
      await settle();
      go();
      assert.deepEqual([await first, await second], [["written"], ["written"]]);
    }
    await settleAll();
    await subject.crash();
    await subject.expectSound();
    assert.equal((await subject.contents()).size, 61);
    await subject.node.close();
  });
});
