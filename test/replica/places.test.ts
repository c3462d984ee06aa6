import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import { Places } from "../../src/replica/places.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import type { KeyRange, ReadRangeOptions, ReadReceiver, StorageEngine } from "../../src/storage/storage-engine.js";
import { outcomesOf } from "../client/fixture.js";
import { NodeUnderTest, keepLoopAlive, put, settleAll } from "./node-under-test.js";

describe("places", () => {
  test("so many are taken at once, and go to those that wait in their order", async () => {
    const { places } = placesUnderTest();
    const entered: number[] = [];
    const waits = [0, 1, 2, 3].map((i) => places.take().then(() => entered.push(i)));
    await Promise.all(waits.slice(0, 2));
    assert.deepEqual([entered, places.waiting], [[0, 1], 2]);
    places.give();
    places.give();
    await Promise.all(waits);
    assert.deepEqual([entered, places.taken], [[0, 1, 2, 3], 2]);
    places.give();
    places.give();
    assert.deepEqual([places.taken, places.waiting], [0, 0]);
  });

  test("past so many that wait there is no more waiting", async () => {
    const { places } = placesUnderTest();
    const waits = Array.from({ length: 6 }, () => places.take());
    assert.deepEqual((await outcomesOf(waits.slice(5)))[0], "OVERLOADED");
    for (let i = 0; i < 5; i++) places.give();
    await Promise.all(waits.slice(0, 5));
    assert.equal(places.taken, 0);
  });

  test("who gives up, or waits too long, leaves the line", async () => {
    const { places, clock } = placesUnderTest();
    await Promise.all([places.take(), places.take()]);
    const abort = new AbortController();
    const gone = places.take(abort.signal);
    const late = places.take(undefined, 1_000);
    const patient = places.take();
    abort.abort(new BigMapError("CANCELLED", "The test gives up"));
    assert.deepEqual(await outcomesOf([gone]), ["CANCELLED"]);
    clock.advance(1_000);
    assert.deepEqual(await outcomesOf([late]), ["DEADLINE_EXCEEDED"]);
    assert.equal(places.waiting, 1);
    places.give();
    await patient;
    assert.deepEqual(await outcomesOf([places.take(abort.signal)]), ["CANCELLED"]);
    assert.equal(clock.pendingTimers, 0);
  });

  test("what is in service for long goes on without its place while few do, and hears that it is in the way where many do", async () => {
    const { places, clock } = placesUnderTest();
    const entered: number[] = [];
    const inTheWay: number[] = [];
    const giveLater = async (i: number): Promise<() => void> => {
      await places.take();
      entered.push(i);
      return places.giveLater(() => inTheWay.push(i));
    };
    const first = await giveLater(0);
    const second = await giveLater(1);
    clock.advance(heldMostMs - 1);
    const others = [2, 3].map(giveLater);
    assert.deepEqual([entered, inTheWay], [[0, 1], []]);
    // One may go on without; the other keeps its place, and one that waits would have it.
    clock.advance(1);
    const third = await (others[0] as Promise<() => void>);
    assert.deepEqual([entered, inTheWay, places.taken, places.waiting], [[0, 1, 2], [1], 2, 1]);
    // Where one of those without ends, another may.
    first();
    assert.deepEqual([places.taken, places.waiting], [2, 1]);
    clock.advance(heldMostMs);
    const fourth = await (others[1] as Promise<() => void>);
    assert.deepEqual([entered, places.taken, places.waiting], [[0, 1, 2, 3], 2, 0]);
    // Nobody waits, so nobody is in the way.
    inTheWay.length = 0;
    clock.advance(2 * heldMostMs);
    assert.deepEqual(inTheWay, []);
    for (const give of [second, third, fourth]) give();
    assert.deepEqual([places.taken, places.waiting, clock.pendingTimers], [0, 0, 0]);
  });
});

describe("scans by the hundred at one replica", () => {
  keepLoopAlive();

  test("read few pages at a time, and all come to their end", async () => {
    const reads = new CountedReads();
    const subject = await NodeUnderTest.open({ wrap: (engine) => reads.around(engine) });
    await subject.ask(Array.from({ length: 50 }, (_, i) => put(`key-${i}`, "v")));
    reads.most = 0;
    const scans = Array.from({ length: 300 }, () => subject.contents());
    assert.ok((await Promise.all(scans)).every((contents) => contents.size === 50));
    assert.ok(reads.most <= limits.scanPagesReadMost, `${reads.most} pages were read at once`);
    await subject.node.close();
  });

  test("are refused where too many wait, and one that waits may be given up", async () => {
    const reads = new CountedReads();
    const subject = await NodeUnderTest.open({ wrap: (engine) => reads.around(engine) });
    await subject.ask([put("key", "v")]);
    const go = reads.hold();
    const request = { map: "m", prefix: new Uint8Array(0), maxEntries: 1, cursor: undefined, keysOnly: true };
    const most = limits.scanPagesReadMost + limits.scanPagesWaitingMost;
    const abort = new AbortController();
    const given = Array.from({ length: most - 1 }, () => subject.node.connection.scanPage(request));
    const gone = subject.node.connection.scanPage(request, abort.signal);
    assert.deepEqual(await outcomesOf([subject.node.connection.scanPage(request)]), ["OVERLOADED"]);
    abort.abort(new BigMapError("CANCELLED", "The test gives up"));
    assert.deepEqual(await outcomesOf([gone]), ["CANCELLED"]);
    given.push(subject.node.connection.scanPage(request));
    await settleAll();
    go();
    assert.ok((await Promise.all(given)).every(({ count }) => count === 1));
    await subject.node.close();
  });
});

const heldMostMs = 1_000;

function placesUnderTest(): { places: Places; clock: ManualClock } {
  const clock = new ManualClock();
  return { places: new Places({ clock, what: "tests", placesMost: 2, waitingMost: 3, heldMostMs, overMost: 1 }), clock };
}

/** Counts the reads of rows that are under way at once, and can hold them. */
class CountedReads {
  most = 0;
  #underWay = 0;
  #held: Promise<void> = Promise.resolve();

  hold(): () => void {
    let go = (): void => undefined;
    this.#held = new Promise((resolve) => (go = resolve));
    return go;
  }

  around(engine: StorageEngine): StorageEngine {
    return new Proxy(engine, {
      get: (target, name) => {
        if (name === "readRows") {
          return (range: KeyRange, options: ReadRangeOptions, receiver: ReadReceiver) =>
            void this.#held.then(() => target.readRows(range, options, this.#counted(receiver)));
        }
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    });
  }

  #counted(receiver: ReadReceiver): ReadReceiver {
    this.most = Math.max(this.most, ++this.#underWay);
    return {
      resolve: (rows) => {
        this.#underWay--;
        receiver.resolve(rows);
      },
      reject: (error) => {
        this.#underWay--;
        receiver.reject(error);
      },
    };
  }
}
