import { describe, test } from "node:test";
import assert from "node:assert/strict";
import type { BigMapError } from "../../src/base/errors.js";
import { openFixture, outcomesOf } from "./fixture.js";
import { turn } from "./held-connection.js";

describe("deadlines", () => {
  test("of a sent update the outcome is unknown, a sent query just failed", async () => {
    const { clock, map } = openFixture();
    const calls = [map.put("a", "1"), map.delete("b"), map.get("c"), map.has("d")];
    await turn();
    clock.advance(999);
    assert.equal(clock.pendingTimers, 1);
    clock.advance(1);
    assert.deepEqual(await outcomesOf(calls), ["OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]);
  });

  test("what was never sent is DEADLINE_EXCEEDED, updates too", async () => {
    const { clock, connection, map } = openFixture();
    connection.sends = false;
    const calls = [map.put("a", "1"), map.get("b")];
    await turn();
    clock.advance(1_000);
    assert.deepEqual(await outcomesOf(calls), ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]);
  });

  test("without a connection what was never sent is UNAVAILABLE, and what was sent on the last one is too late", async () => {
    const { clock, connection, map } = openFixture();
    const sent = [map.get("a"), map.put("b", "1")];
    await turn();
    connection.isOut = true;
    clock.advance(1_000);
    assert.deepEqual(await outcomesOf(sent), ["DEADLINE_EXCEEDED", "OUTCOME_UNKNOWN"]);
    connection.sends = false;
    const waiting = [map.get("a"), map.put("b", "1")];
    await turn();
    clock.advance(1_000);
    assert.deepEqual(await outcomesOf(waiting), ["UNAVAILABLE", "UNAVAILABLE"]);
  });

  test("many operations need one timer", async () => {
    const { clock, map } = openFixture();
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 100; i++) void map.get(`${i}`).catch(() => undefined);
      await turn();
      clock.advance(10);
    }
    assert.equal(clock.pendingTimers, 1);
  });

  test("a timeout of its own ends a call and no other", async () => {
    const { clock, connection, map } = openFixture();
    const slow = map.get("a");
    const quick = map.get("a", { timeoutMs: 20 });
    await turn();
    clock.advance(20);
    assert.deepEqual(await outcomesOf([quick]), ["DEADLINE_EXCEEDED"]);
    void map.put("a", "1");
    await turn();
    connection.answer(2);
    connection.answer(0);
    assert.equal(await slow, "1");
  });

  test("an answer that comes too late is ignored", async () => {
    const { clock, connection, map } = openFixture();
    const late = map.put("a", "1");
    await turn();
    clock.advance(1_000);
    assert.deepEqual(await outcomesOf([late]), ["OUTCOME_UNKNOWN"]);
    connection.answer(0);
    const read = map.get("a");
    await turn();
    connection.answer(1);
    assert.equal(await read, "1");
  });

  test("the outcomes of putMany name the deadline one by one", async () => {
    const { clock, connection, map } = openFixture();
    const call = map.putMany([
      ["a", "1"],
      ["b", "2"],
    ]);
    await turn();
    connection.fail(0, "CANISTER_FULL", [0]);
    clock.advance(1_000);
    assert.deepEqual(
      (await call).map((outcome) => (outcome.ok ? "ok" : outcome.error.code)),
      ["CANISTER_FULL", "OUTCOME_UNKNOWN"],
    );
  });
});

describe("signals", () => {
  test("aborted in the turn of the call: CANCELLED, and nothing is sent", async () => {
    const { connection, map } = openFixture();
    const stop = new AbortController();
    const calls = [map.put("a", "1", { signal: stop.signal }), map.get("a", { signal: stop.signal })];
    stop.abort();
    assert.deepEqual(await outcomesOf(calls), ["CANCELLED", "CANCELLED"]);
    await turn();
    assert.equal(connection.batches.length, 0);
  });

  test("aborted after the sending: a query is CANCELLED, an update's outcome is unknown", async () => {
    const { map } = openFixture();
    const stop = new AbortController();
    const calls = [map.put("a", "1", { signal: stop.signal }), map.get("a", { signal: stop.signal })];
    await turn();
    stop.abort();
    assert.deepEqual(await outcomesOf(calls), ["OUTCOME_UNKNOWN", "CANCELLED"]);
  });

  test("aborted while the batch waits for a connection: CANCELLED", async () => {
    const { connection, map } = openFixture();
    connection.sends = false;
    const stop = new AbortController();
    const call = map.put("a", "1", { signal: stop.signal });
    await turn();
    stop.abort("enough");
    await assert.rejects(call, (error: BigMapError) => error.code === "CANCELLED" && error.cause === "enough");
  });

  test("aborted while it waits to be sent again: CANCELLED", async () => {
    const { connection, clock, map } = openFixture();
    const stop = new AbortController();
    const call = map.put("a", "1", { signal: stop.signal });
    await turn();
    connection.fail(0, "OVERLOADED");
    stop.abort();
    assert.deepEqual(await outcomesOf([call]), ["CANCELLED"]);
    clock.advance(500);
    await turn();
    assert.equal(connection.batches.length, 1);
  });

  test("does not touch calls without it", async () => {
    const { connection, map } = openFixture();
    const stop = new AbortController();
    const other = map.put("b", "1");
    void map.put("a", "1", { signal: stop.signal }).catch(() => undefined);
    await turn();
    stop.abort();
    connection.answer(0);
    assert.equal(await other, 1);
  });
});
