import { describe, test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { isUpdate, keyOf, operationKind, resultStatus, valueOf } from "../../src/base/operation-batch.js";
import { ResultBatchBuilder } from "../../src/base/result-batch-builder.js";
import { BigMapError } from "../../src/base/errors.js";
import { openFixture, outcomesOf } from "./fixture.js";
import { turn, type HeldBatch } from "./held-connection.js";

/** Longer than the first waits, shorter than the timeout of the fixture. */
const aWhileMs = 100;

describe("trying again", () => {
  test("what failed for a passing reason is sent again after a while, and answered once", async () => {
    const { connection, clock, map } = openFixture();
    const calls = [map.put("a", "1"), map.get("b")];
    await turn();
    connection.fail(0, "OVERLOADED", [0]);
    connection.fail(0, "CANISTER_STOPPED", [1]);
    assert.equal(connection.batches.length, 1);
    clock.advance(aWhileMs);
    assert.deepEqual(connection.textOf(1), ["put a", "get b"]);
    connection.answer(1);
    assert.deepEqual(await outcomesOf(calls), [1, undefined]);
  });

  test("what failed for good, and what may have been done, is never sent again", async () => {
    const { connection, clock, map } = openFixture();
    const calls = [map.put("a", "1"), map.put("b", "1"), map.put("c", "1")];
    await turn();
    connection.fail(0, "CANISTER_FULL", [0]);
    connection.fail(0, "OUTCOME_UNKNOWN", [1]);
    connection.fail(0, "STORAGE_FAILED", [2]);
    assert.deepEqual(await outcomesOf(calls), ["CANISTER_FULL", "OUTCOME_UNKNOWN", "STORAGE_FAILED"]);
    clock.advance(aWhileMs);
    assert.equal(connection.batches.length, 1);
  });

  test("goes on until the deadline, and then tells the reason", async () => {
    const { connection, clock, map } = openFixture();
    const call = map.put("a", "1");
    await turn();
    for (let i = 0; i < 100 && clock.monotonicMs() < 2_000; i++) {
      const open = connection.batches.length - 1;
      connection.fail(open, "DISK_FULL");
      while (connection.batches.length - 1 === open && clock.monotonicMs() < 2_000) clock.advance(5);
    }
    assert.deepEqual(await outcomesOf([call]), ["DISK_FULL"]);
    assert.ok(connection.batches.length > 3 && connection.batches.length < 20, `tried ${connection.batches.length} times`);
  });

  test("the deadline is that of the first try", async () => {
    const { connection, clock, map } = openFixture();
    const call = map.put("a", "1");
    await turn();
    connection.fail(0, "OVERLOADED");
    clock.advance(aWhileMs);
    assert.equal(connection.batches[1]?.batch.deadlineMs, connection.batches[0]?.batch.deadlineMs);
    connection.answer(1);
    assert.equal(await call, 1);
  });
});

describe("order on a key", () => {
  test("newer operations line up behind one that waits; those on other keys do not", async () => {
    const { connection, clock, map } = openFixture();
    const first = map.put("k", "1");
    await turn();
    connection.fail(0, "OVERLOADED");
    const behind = [map.get("k"), map.put("k", "2"), map.get("k")];
    const other = map.put("other", "x");
    await turn();
    assert.deepEqual(connection.textOf(1), ["put other"]);
    connection.answer(1);
    await other;
    clock.advance(aWhileMs);
    assert.deepEqual(connection.textOf(2), ["put k", "get k", "put k", "get k"]);
    connection.answer(2);
    const [one, seen, two, seenLast] = await outcomesOf([first, ...behind]);
    assert.deepEqual([seen, seenLast], ["1", "2"]);
    assert.ok((one as number) < (two as number));
  });

  test("newer operations that were asked but not sent when the older failed line up too", async () => {
    const { connection, clock, map } = openFixture();
    const first = map.put("k", "1");
    await turn();
    const newer = [map.put("other", "x"), map.put("k", "2"), map.get("k")];
    connection.fail(0, "OVERLOADED");
    await turn();
    assert.deepEqual(connection.textOf(1), ["put other"]);
    connection.answer(1);
    clock.advance(aWhileMs);
    assert.deepEqual(connection.textOf(2), ["put k", "put k", "get k"]);
    connection.answer(2);
    const [one, , two, seen] = await outcomesOf([first, ...newer]);
    assert.ok((one as number) < (two as number));
    assert.equal(seen, "2");
  });

  test("newer ones that were sent already and failed too are sent again after it", async () => {
    const { connection, clock, map } = openFixture();
    const first = map.put("k", "1");
    await turn();
    const second = map.put("k", "2");
    await turn();
    connection.fail(1, "OVERLOADED");
    clock.advance(aWhileMs);
    assert.equal(connection.batches.length, 2, "nothing is sent while the older one is open");
    connection.fail(0, "OVERLOADED");
    clock.advance(aWhileMs);
    assert.deepEqual(connection.textOf(2), ["put k", "put k"]);
    connection.answer(2);
    assert.ok(((await first) ?? 0) < ((await second) ?? 0));
  });

  test("an update that a newer operation has overtaken is refused, not sent after it", async () => {
    const { connection, clock, map } = openFixture();
    const first = map.put("k", "1");
    await turn();
    const second = map.get("k");
    await turn();
    const outcomes = outcomesOf([first, second]);
    connection.fail(0, "OVERLOADED");
    connection.answer(1);
    clock.advance(aWhileMs);
    assert.deepEqual(await outcomes, ["OVERLOADED", "MAP_NOT_FOUND"]);
    assert.equal(connection.batches.length, 2);
  });

  test("a query may be overtaken by queries, but not by an update", async () => {
    const { connection, clock, map } = openFixture();
    const calls = [map.get("a"), map.get("b")];
    await turn();
    const newer = [map.get("a"), map.put("b", "1")];
    await turn();
    const outcomes = outcomesOf([...calls, ...newer]);
    connection.fail(0, "UNAVAILABLE");
    connection.answer(1);
    clock.advance(aWhileMs);
    assert.deepEqual(connection.textOf(2), ["get a"]);
    connection.answer(2);
    assert.deepEqual(await outcomes, [undefined, "UNAVAILABLE", undefined, 1]);
  });
});

describe("atomic batches", () => {
  const updates = [
    { key: "a", put: "1" },
    { key: "b", put: "2" },
  ];

  test("go again as a whole", async () => {
    const { connection, clock, map } = openFixture();
    const call = map.write(updates);
    await turn();
    connection.fail(0, "OVERLOADED", [0]);
    clock.advance(aWhileMs);
    assert.equal(connection.batches.length, 1, "not before all is known");
    connection.fail(0, "OVERLOADED", [1]);
    clock.advance(aWhileMs);
    assert.deepEqual(connection.textOf(1), ["put a", "put b"]);
    assert.equal(connection.batches[1]?.batch.atomic, true);
    connection.answer(1);
    assert.ok((await call).every((outcome) => outcome.ok));
  });

  test("do not go again where one update stands for others", async () => {
    const { connection, clock, map } = openFixture();
    const call = map.write(updates);
    await turn();
    connection.fail(0, "OVERLOADED", [0]);
    connection.fail(0, "BATCH_ABORTED", [1]);
    clock.advance(aWhileMs);
    assert.deepEqual(
      (await call).map((outcome) => (outcome.ok ? "ok" : outcome.error.code)),
      ["OVERLOADED", "BATCH_ABORTED"],
    );
    assert.equal(connection.batches.length, 1);
  });

  test("line up as a whole behind one of their keys", async () => {
    const { connection, clock, map } = openFixture();
    void map.put("b", "0");
    await turn();
    connection.fail(0, "OVERLOADED");
    const call = map.write(updates);
    clock.advance(aWhileMs);
    await turn();
    connection.answer(1);
    await turn();
    assert.deepEqual(connection.textOf(2), ["put a", "put b"]);
    assert.equal(connection.batches[2]?.batch.atomic, true);
    connection.answer(2);
    assert.ok((await call).every((outcome) => outcome.ok));
  });

  test("that do not go again are answered by the deadline", async () => {
    const { connection, clock, map } = openFixture();
    const call = map.write(updates);
    await turn();
    connection.fail(0, "CANISTER_FULL", [0]);
    clock.advance(1_000);
    assert.ok((await call).every((outcome) => !outcome.ok));
  });
});

/** A server that carries out batches in order, refuses some operations at random, and answers in random order. */
class FlakyServer {
  readonly applied: { readonly key: string; readonly number: number }[] = [];

  constructor(private readonly refuses: () => boolean) {}

  /** What is carried out is decided now; the returned function answers. */
  carryOut({ batch, sink }: HeldBatch): () => void {
    const results = new ResultBatchBuilder();
    for (let i = 0; i < batch.count; i++) {
      if (this.refuses()) {
        results.addError(i, new BigMapError("OVERLOADED", "The test refuses"));
        continue;
      }
      const operation = batch.operations[i] ?? 0;
      const key = Buffer.from(keyOf(batch, i)).toString();
      const last = this.applied.filter((one) => one.key === key).at(-1)?.number ?? 0;
      if (isUpdate(operation)) this.applied.push({ key, number: Number(Buffer.from(valueOf(batch, i)).toString()) });
      if (operation === operationKind.put) results.add(i, resultStatus.written, this.applied.length);
      else results.addValue(i, 1, Buffer.from(`${last}`), 0, `${last}`.length);
    }
    return () => sink.deliver(results.build(true));
  }
}

test("law: whatever is refused and answered in whatever order, operations on one key never change places", async () => {
  const step = fc.record({ key: fc.constantFrom("a", "b", "c"), put: fc.boolean(), endsTurn: fc.boolean() });
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), fc.infiniteStream(fc.nat(99)), async (steps, dice) => {
    const roll = (): number => dice.next().value as number;
    const { connection, clock, map } = openFixture({ timeoutMs: 100_000 });
    const server = new FlakyServer(() => roll() < 30);
    let carriedOut = 0;
    let answers: (() => void)[] = [];
    const serveSome = (): void => {
      while (carriedOut < connection.batches.length) answers.push(server.carryOut(connection.batches[carriedOut++] as HeldBatch));
      const due = answers.filter(() => roll() < 60);
      answers = answers.filter((answer) => !due.includes(answer));
      for (const answer of roll() < 50 ? due : due.reverse()) answer();
      clock.advance(roll() / 10);
    };
    const asked: { key: string; number: number; put: boolean; outcome: unknown }[] = [];
    const done: Promise<void>[] = [];
    const ask = async (key: string, put: boolean): Promise<void> => {
      const one = { key, number: asked.length + 1, put, outcome: undefined as unknown };
      asked.push(one);
      [one.outcome] = await outcomesOf([put ? map.put(key, `${one.number}`) : map.get(key)]);
    };
    for (const { key, put, endsTurn } of steps) {
      done.push(ask(key, put));
      if (roll() < 20) serveSome();
      if (!endsTurn) continue;
      await turn();
      serveSome();
    }
    let open = true;
    void Promise.all(done).then(() => (open = false));
    for (let i = 0; i < 2_000 && open; i++) {
      await turn();
      serveSome();
    }
    assert.equal(open, false, "every operation is answered");
    for (const key of ["a", "b", "c"]) {
      const applied = server.applied.filter((one) => one.key === key).map(({ number }) => number);
      assert.deepEqual(
        applied,
        [...applied].sort((left, right) => left - right),
        "updates take effect in the order asked",
      );
      const acknowledged = asked.filter((one) => one.key === key && one.put && typeof one.outcome === "number");
      assert.deepEqual(
        acknowledged.map(({ number }) => number),
        applied,
        "what is acknowledged was applied, once, and nothing else",
      );
      for (const query of asked.filter(
        (one) => one.key === key && !one.put && typeof one.outcome === "string" && one.outcome !== "OVERLOADED",
      )) {
        const before = acknowledged.filter(({ number }) => number < query.number).at(-1)?.number ?? 0;
        assert.equal(query.outcome, `${before}`, "a query sees the updates asked before it, and none asked after");
      }
    }
  });
  await fc.assert(property, { seed: 20_261_122, numRuns: 150 });
});
