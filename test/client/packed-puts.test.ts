import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { keyOf, valueOf } from "../../src/base/operation-batch.js";
import { PackedPuts } from "../../src/client/packed-puts.js";
import { openFixture, type Fixture } from "./fixture.js";
import { turn } from "./held-connection.js";

const room = { count: 8, keyBytes: 64, valueBytes: 256 };

/** Entries `key 0`, `key 1` … with values of this size, whose bytes tell them apart. */
function packed(count: number, valueBytes: number): PackedPuts {
  const puts = new PackedPuts(room);
  for (let i = 0; i < count; i++) {
    const key = Buffer.from(`key ${i}`);
    const bytes = Buffer.concat([Buffer.from("{"), key, Buffer.from(":"), Buffer.alloc(valueBytes, i), Buffer.from("}")]);
    puts.add(bytes, 1, 1 + key.length, 2 + key.length, 2 + key.length + valueBytes);
  }
  return puts;
}

function batchSizes({ connection }: Fixture): number[] {
  return connection.batches.map(({ batch }) => batch.count);
}

describe("packed puts", () => {
  test("hold what was added", () => {
    const puts = packed(20, 100);
    assert.deepEqual([puts.count, puts.sizeBytes], [20, 10 * 5 + 10 * 6 + 20 * 100]);
    const batch = puts.take().build("m");
    for (let i = 0; i < 20; i++) {
      assert.equal(Buffer.from(keyOf(batch, i)).toString(), `key ${i}`);
      assert.deepEqual(Buffer.from(valueOf(batch, i)), Buffer.alloc(100, i));
    }
  });

  test("are handed over once, and take nothing afterwards", async () => {
    const { map } = openFixture();
    const puts = packed(2, 10);
    void map.putPacked(puts);
    assert.throws(() => puts.add(Buffer.from("kv"), 0, 1, 1, 2), { code: "INVALID_ARGUMENT" });
    await assert.rejects(map.putPacked(puts), { code: "INVALID_ARGUMENT" });
  });

  for (const [size, valueBytes, batches] of [
    ["few bytes join what is asked in the same turn", 10, [12]],
    ["many bytes travel as a batch of their own, in the order asked", 10_000, [1, 10, 1]],
  ] as const) {
    test(size, async () => {
      const fixture = openFixture();
      const { connection, map } = fixture;
      const first = map.put("key 3", "before");
      const failures = map.putPacked(packed(10, valueBytes));
      const last = map.get("key 3");
      await turn();
      assert.deepEqual(batchSizes(fixture), batches);
      for (let i = 0; i < batches.length; i++) connection.answer(i);
      assert.equal((await failures).size, 0);
      assert.equal(await first, 1);
      assert.equal(Buffer.from((await last) ?? "").length, valueBytes);
    });
  }

  test("each is refused by itself", async () => {
    const { connection, map } = openFixture();
    const failures = map.putPacked(packed(10, 10_000));
    await turn();
    connection.fail(0, "CANISTER_FULL", [2, 7]);
    connection.fail(0, "CONDITION_FAILED", [0, 1, 3, 4, 5, 6, 8, 9]);
    const codes = [...(await failures)].sort(([left], [right]) => left - right).map(([place, { code }]) => `${place} ${code}`);
    assert.deepEqual([codes[2], codes[3], codes[7], codes.length], ["2 CANISTER_FULL", "3 CONDITION_FAILED", "7 CANISTER_FULL", 10]);
  });

  test("what failed for a passing reason is sent again, and what comes behind it on its key waits", async () => {
    const fixture = openFixture();
    const { clock, connection, map } = fixture;
    const failures = map.putPacked(packed(10, 10_000));
    await turn();
    connection.fail(0, "OVERLOADED", [4]);
    const again = map.putPacked(packed(10, 10_000));
    await turn();
    assert.deepEqual(batchSizes(fixture), [10, 9]);
    connection.fail(0, "CANISTER_FULL", [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    connection.answer(1);
    clock.advance(900);
    await turn();
    assert.deepEqual(connection.textOf(2), ["put key 4", "put key 4"]);
    connection.answer(2);
    assert.equal((await failures).has(4), false);
    assert.equal((await failures).size, 9);
    assert.equal((await again).size, 0);
  });

  test("of sent ones the outcome is unknown when the deadline passes", async () => {
    const { clock, map } = openFixture();
    const failures = map.putPacked(packed(10, 10_000));
    await turn();
    clock.advance(1_000);
    assert.deepEqual(new Set([...(await failures).values()].map(({ code }) => code)), new Set(["OUTCOME_UNKNOWN"]));
  });

  test("past the client's budget the rest is refused, one by one", async () => {
    const { map } = openFixture({ maxBytes: 55_000 });
    const failures = map.putPacked(packed(10, 10_000));
    assert.equal(await Promise.race([failures.then(() => "answered"), turn().then(() => "waits")]), "waits");
    const more = await map.putPacked(packed(10, 10_000));
    assert.deepEqual(new Set([...more.values()].map(({ code }) => code)), new Set(["OVERLOADED"]));
    assert.equal(more.size, 10);
  });

  test("without entries there is nothing to do", async () => {
    const fixture = openFixture();
    assert.equal((await fixture.map.putPacked(new PackedPuts(room))).size, 0);
    await turn();
    assert.deepEqual(batchSizes(fixture), []);
  });
});
