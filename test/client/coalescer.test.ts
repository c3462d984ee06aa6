import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { limits } from "../../src/base/limits.js";
import { ResultBatchBuilder } from "../../src/base/result-batch-builder.js";
import { utf8 } from "../../src/client/codec.js";
import { openFixture, outcomesOf } from "./fixture.js";
import { turn } from "./held-connection.js";

describe("coalescing", () => {
  test("everything asked in one turn of the loop is one batch, in the order asked", async () => {
    const { connection, bigmap, map } = openFixture();
    const other = bigmap.map("m", { value: utf8 });
    const calls = [map.put("a", "1"), other.get("a"), map.delete("b"), other.has("c")];
    const late = Promise.resolve().then(() => map.get("d"));
    await turn();
    assert.equal(connection.batches.length, 1);
    assert.deepEqual(connection.textOf(0), ["put a", "get a", "delete b", "has c", "get d"]);
    connection.answer(0);
    assert.deepEqual(await outcomesOf([...calls, late]), [1, "1", false, false, undefined]);
  });

  test("a value that a caller has let go is free before the rest of its batch is answered", async () => {
    const { connection, bigmap } = openFixture();
    const map = bigmap.map("m");
    const answered = map.get("a").then((value) => new WeakRef(value ?? assert.fail()));
    const open = map.get("b");
    await turn();
    const part = new ResultBatchBuilder();
    part.addValue(0, 1, Buffer.from("value"), 0, 5);
    connection.batches[0]?.sink.deliver(part.build(false));
    const value = await answered;
    await turn();
    setFlagsFromString("--expose-gc");
    (runInNewContext("gc") as () => void)();
    assert.equal(value.deref(), undefined);
    connection.fail(0, "MAP_NOT_FOUND", [1]);
    assert.deepEqual(await outcomesOf([open]), ["MAP_NOT_FOUND"]);
  });

  test("what is asked in the next turn is the next batch, whether the first is answered or not", async () => {
    const { connection, map } = openFixture();
    void map.put("a", "1");
    await turn();
    const second = map.get("a");
    await turn();
    assert.deepEqual(connection.textOf(1), ["get a"]);
    connection.answer(0);
    connection.answer(1);
    assert.equal(await second, "1");
  });

  test("many callers who await one operation each share one batch a round", async () => {
    const { connection, map } = openFixture();
    let finished = 0;
    const callers = Array.from({ length: 256 }, async (_, caller) => {
      for (let round = 0; round < 3; round++) await map.put(`${caller}`, `${round}`);
      finished++;
    });
    for (let round = 0; round < 3; round++) {
      await turn();
      assert.equal(connection.batches.length, round + 1);
      assert.equal(connection.batches[round]?.batch.count, 256);
      connection.answer(round);
    }
    await Promise.all(callers);
    assert.equal(finished, 256);
  });

  test("each map has its own batches", async () => {
    const { connection, bigmap, map } = openFixture();
    void map.put("a", "1");
    void bigmap.map("n").has("a");
    await turn();
    assert.deepEqual(
      connection.batches.map(({ batch }) => batch.map),
      ["m", "n"],
    );
  });

  test("batches are cut at the limit of operations", async () => {
    const { connection, map } = openFixture();
    void map.getMany(Array.from({ length: 2 * limits.batchMaxOperations + 1 }, (_, i) => `${i}`));
    await turn();
    assert.deepEqual(
      connection.batches.map(({ batch }) => batch.count),
      [limits.batchMaxOperations, limits.batchMaxOperations, 1],
    );
  });

  test("batches are cut at the limit of bytes, and never exceed it", async () => {
    const { connection, bigmap } = openFixture();
    const map = bigmap.map("m");
    void map.putMany(Array.from({ length: 20 }, (_, i) => [`${i}`, new Uint8Array(limits.valueMaxBytes)] as const));
    void map.putMany([["é".repeat(limits.keyMaxBytes / 2), new Uint8Array(0)]]);
    await turn();
    const counts = connection.batches.map(({ batch }) => batch.count);
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      21,
    );
    for (const { batch } of connection.batches) assert.ok(batch.keys.length + batch.values.length <= limits.batchMaxBytes);
    assert.ok(counts.length <= 4, "batches are nearly full");
  });

  test("calls with options of their own are cut off without changing places, and share a batch among themselves", async () => {
    const { connection, map } = openFixture();
    const { signal } = new AbortController();
    void map.put("k", "1");
    void map.put("k", "2", { timeoutMs: 50 });
    void map.get("k", { timeoutMs: 50 });
    void map.get("k", { signal });
    void map.put("k", "3");
    await turn();
    const texts = connection.batches.map((_, i) => connection.textOf(i));
    assert.deepEqual(texts, [["put k"], ["put k", "get k"], ["get k"], ["put k"]]);
    const [first, second] = connection.batches.map(({ batch }) => batch.deadlineMs);
    assert.deepEqual([first, second], [2_000, 1_050]);
  });

  test("an atomic batch travels alone and marked", async () => {
    const { connection, map } = openFixture();
    void map.put("a", "1");
    void map.write([
      { key: "b", put: "2" },
      { key: "c", delete: true },
    ]);
    void map.put("d", "3");
    await turn();
    assert.deepEqual(
      connection.batches.map((_, i) => connection.textOf(i)),
      [["put a"], ["put b", "delete c"], ["put d"]],
    );
    assert.deepEqual(
      connection.batches.map(({ batch }) => batch.atomic),
      [false, true, false],
    );
  });

  test("answers may come in parts and in any order", async () => {
    const { connection, map } = openFixture();
    const calls = [map.get("a"), map.get("b"), map.get("c")];
    await turn();
    connection.fail(0, "CANISTER_FULL", [2]);
    connection.fail(0, "STORAGE_CORRUPT", [0, 1]);
    assert.deepEqual(await outcomesOf(calls), ["STORAGE_CORRUPT", "STORAGE_CORRUPT", "CANISTER_FULL"]);
  });
});

describe("the client's limits", () => {
  test("past them operations are OVERLOADED, until others are answered", async () => {
    const { connection, map } = openFixture({ maxOperations: 3 });
    const calls = [map.put("a", "1"), map.put("b", "2"), map.put("c", "3")];
    assert.deepEqual(await outcomesOf([map.get("d")]), ["OVERLOADED"]);
    await turn();
    connection.answer(0);
    await Promise.all(calls);
    const again = map.get("a");
    await turn();
    connection.answer(1);
    assert.equal(await again, "1");
  });

  test("an atomic batch that does not fit is refused as a whole", async () => {
    const { connection, map } = openFixture({ maxOperations: 3 });
    void map.put("a", "1");
    const updates = ["b", "c", "d"].map((key) => ({ key, put: "x" }));
    assert.deepEqual(await outcomesOf([map.write(updates)]), ["OVERLOADED"]);
    await turn();
    assert.deepEqual(
      connection.batches.map((_, i) => connection.textOf(i)),
      [["put a"]],
    );
  });

  test("bytes count too", async () => {
    const { map } = openFixture({ maxBytes: 100 });
    void map.put("a", "x".repeat(90));
    assert.deepEqual(await outcomesOf([map.put("b", "x".repeat(10))]), ["OVERLOADED"]);
  });
});

describe("closing", () => {
  test("answers what was asked before, refuses what is asked after, then closes the connection", async () => {
    const { connection, bigmap, map } = openFixture();
    const asked = map.put("a", "1");
    const closing = bigmap.close();
    assert.deepEqual(await outcomesOf([map.get("a"), map.stats(), bigmap.createMap("x")]), ["CLOSED", "CLOSED", "CLOSED"]);
    await turn();
    assert.equal(connection.closed, false);
    connection.answer(0);
    assert.equal(await asked, 1);
    await closing;
    assert.equal(connection.closed, true);
    assert.throws(() => bigmap.map("m"), { code: "CLOSED" });
  });

  test("does not wait longer than the deadlines of what is under way", async () => {
    const { clock, bigmap, map } = openFixture();
    const asked = map.put("a", "1");
    const closing = bigmap.close();
    await turn();
    clock.advance(1_000);
    assert.deepEqual(await outcomesOf([asked]), ["OUTCOME_UNKNOWN"]);
    await closing;
  });

  test("twice is the same as once, also by await using", async () => {
    const { bigmap } = openFixture();
    assert.equal(bigmap.close(), bigmap[Symbol.asyncDispose]());
    await bigmap.close();
  });
});
