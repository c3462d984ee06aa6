import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AnswerRoom, type TakenRoom } from "../../src/rpc/answer-room.js";

const overloaded = { code: "OVERLOADED" };

describe("the room of large answers", () => {
  test("gives a connection a third of what is free, and another one its share beside it", () => {
    const room = new AnswerRoom(1_000);
    const taken = takeAll(room, "a", 10);
    assert.equal(taken.length, 25);
    assert.equal(takeAll(room, "b", 10).length, 19);
    for (const each of taken) each.give();
    assert.equal(room.bytes, 190);
    assert.equal(takeAll(room, "c", 10).length, 20);
  });

  test("keeps to twice its bound, however many connections there are and however large their answers", () => {
    const room = new AnswerRoom(1_000);
    for (let i = 0; i < 20; i++) room.take(`peer ${i}`, 100);
    assert.throws(() => room.take("another", 1), overloaded);
    assert.throws(() => room.take("peer 0", 1), overloaded);
    assert.equal(room.bytes, 2_000);
  });

  test("an answer that turns out to be larger is refused where others take the room, and keeps what it had", () => {
    const room = new AnswerRoom(1_000);
    const first = room.take("a", 10);
    const second = room.take("a", 10);
    first.grow(240);
    assert.throws(() => second.grow(100), overloaded);
    assert.equal(room.bytes, 250);
    first.give();
    second.grow(240);
    second.give();
    second.give();
    assert.deepEqual([room.bytes, room.connections], [0, 0]);
  });

  test("those that wait enter as room comes free, of each connection one in turn", async () => {
    const room = new AnswerRoom(100);
    const { signal } = new AbortController();
    const stalled = ["s", "t"].map((peer) => room.take(peer, 100));
    const entered: string[] = [];
    const given: TakenRoom[] = [];
    for (const peer of ["a", "a", "b", "b"]) {
      void room.takeInTurn(peer, 10, signal).then((taken) => {
        entered.push(peer);
        given.push(taken);
      });
    }
    await turn();
    assert.deepEqual(entered, []);
    stalled[0]?.give();
    await turn();
    assert.deepEqual(entered, ["a", "b"]);
    stalled[1]?.give();
    await turn();
    assert.deepEqual(entered, ["a", "b", "a", "b"]);
    for (const taken of given) taken.give();
    assert.deepEqual([room.bytes, room.connections], [0, 0]);
  });

  test("one that is given up while it waits leaves nothing behind", async () => {
    const room = new AnswerRoom(100);
    const stalled = room.take("s", 200);
    const abort = new AbortController();
    const waiting = room.takeInTurn("a", 10, abort.signal);
    abort.abort(new Error("enough"));
    await assert.rejects(waiting, { message: "enough" });
    await assert.rejects(room.takeInTurn("b", 10, abort.signal), { message: "enough" });
    assert.equal(room.connections, 1);
    stalled.give();
    assert.deepEqual([room.bytes, room.connections], [0, 0]);
  });
});

/** As many as it may have. */
function takeAll(room: AnswerRoom, peer: string, bytes: number): TakenRoom[] {
  const taken: TakenRoom[] = [];
  for (;;) {
    try {
      taken.push(room.take(peer, bytes));
    } catch {
      return taken;
    }
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
