import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { MetaChange, MetaRecord, MetaStore, MetaTransaction } from "../../src/meta/meta-store.js";
import { settle } from "../../src/testing/manual-clock.js";

/** A meta store under test, and how to open it anew over what it had stored. The store given away is closed by `reopen`. */
export interface MetaStoreSubject {
  open(): Promise<MetaStore>;
  reopen(store: MetaStore): Promise<MetaStore>;
}

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");
const textOf = (record: MetaRecord | undefined): string | undefined => record && Buffer.from(record.value).toString("utf8");
const puts = (...pairs: (readonly [string, string])[]): MetaTransaction => ({
  compares: [],
  puts: pairs.map(([key, value]) => ({ key, value: bytes(value) })),
  deletes: [],
});
const deletes = (...keys: string[]): MetaTransaction => ({ compares: [], puts: [], deletes: keys });
const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected;

/** Every MetaStore behaves like this. */
export function metaStoreConformance(name: string, makeSubject: () => MetaStoreSubject): void {
  describe(`${name}: records`, () => recordTests(makeSubject));
  describe(`${name}: transactions`, () => transactionTests(makeSubject));
  describe(`${name}: watches`, () => watchTests(makeSubject));
  describe(`${name}: opening again`, () => reopenTests(makeSubject));
}

function recordTests(makeSubject: () => MetaStoreSubject): void {
  test("a store begins empty", async () => {
    const store = await makeSubject().open();
    assert.equal(await store.get("map/a"), undefined);
    assert.deepEqual((await store.list("")).records, []);
    await store.close();
  });

  test("a record has the revision of the transaction that wrote it last", async () => {
    const store = await makeSubject().open();
    const first = await store.commit(puts(["a", "1"], ["b", "1"]));
    const second = await store.commit(puts(["a", "2"]));
    assert.ok(second.revision > first.revision);
    assert.deepEqual([(await store.get("a"))?.revision, (await store.get("b"))?.revision], [second.revision, first.revision]);
    assert.equal(textOf(await store.get("a")), "2");
    await store.close();
  });

  test("a list has the records under the prefix, in key order, and the store's revision", async () => {
    const store = await makeSubject().open();
    await store.commit(puts(["map/b", "b"], ["map/a", "a"], ["mapx", "x"], ["map/", "empty name"], ["canister/1", "c"]));
    const { revision } = await store.commit(deletes("canister/1"));
    const listed = await store.list("map/");
    assert.deepEqual(
      listed.records.map((record) => record.key),
      ["map/", "map/a", "map/b"],
    );
    assert.equal(listed.revision, revision);
    await store.close();
  });

  test("the caller's bytes may be reused at once", async () => {
    const store = await makeSubject().open();
    const value = Buffer.from("before");
    const commit = store.commit({ compares: [], puts: [{ key: "a", value }], deletes: [] });
    value.fill("x");
    await commit;
    assert.equal(textOf(await store.get("a")), "before");
    await store.close();
  });

  test("calls after close fail with CLOSED, and closing twice is the same as once", async () => {
    const store = await makeSubject().open();
    await store.close();
    await store.close();
    await assert.rejects(store.get("a"), code("CLOSED"));
    await assert.rejects(store.list(""), code("CLOSED"));
    await assert.rejects(store.commit(puts(["a", "1"])), code("CLOSED"));
  });
}

function transactionTests(makeSubject: () => MetaStoreSubject): void {
  test("a transaction applies only where every compare holds, and else changes nothing", async () => {
    const store = await makeSubject().open();
    const { revision } = await store.commit(puts(["a", "1"]));
    const compares = [
      { key: "a", revision },
      { key: "b", revision: 7 },
    ];
    const lost = await store.commit({ compares, puts: [{ key: "a", value: bytes("2") }], deletes: [] });
    assert.deepEqual(lost, { committed: false, revision });
    assert.equal(textOf(await store.get("a")), "1");
    const won = await store.commit({
      compares: [
        { key: "a", revision },
        { key: "b", revision: 0 },
      ],
      ...changes("b", "2", "a"),
    });
    assert.equal(won.committed, true);
    assert.deepEqual(
      (await store.list("")).records.map((record) => record.key),
      ["b"],
    );
    await store.close();
  });

  test("revision 0 in a compare means absent", async () => {
    const store = await makeSubject().open();
    const create: MetaTransaction = { ...puts(["a", "1"]), compares: [{ key: "a", revision: 0 }] };
    assert.equal((await store.commit(create)).committed, true);
    assert.equal((await store.commit(create)).committed, false);
    await store.commit(deletes("a"));
    assert.equal((await store.commit(create)).committed, true);
    await store.close();
  });

  test("of concurrent compare-and-sets of one record exactly one wins", async () => {
    const store = await makeSubject().open();
    const { revision } = await store.commit(puts(["a", "start"]));
    for (let round = 0, current = revision; round < 10; round++) {
      const compares = [{ key: "a", revision: current }];
      const racers = Array.from({ length: 20 }, (_, i) => store.commit({ ...puts(["a", `${round}.${i}`]), compares }));
      const winners = (await Promise.all(racers)).flatMap(({ committed }, i) => (committed ? [i] : []));
      assert.equal(winners.length, 1);
      const record = await store.get("a");
      assert.equal(textOf(record), `${round}.${winners[0]}`);
      current = record?.revision ?? 0;
    }
    await store.close();
  });

  test("a transaction that changes nothing makes no new revision", async () => {
    const store = await makeSubject().open();
    const { revision } = await store.commit(puts(["a", "1"]));
    assert.deepEqual(await store.commit(deletes("never there")), { committed: true, revision });
    assert.deepEqual(await store.commit(puts()), { committed: true, revision });
    await store.close();
  });

  test("a key written twice, or an empty key, is INVALID_ARGUMENT and changes nothing", async () => {
    const store = await makeSubject().open();
    await assert.rejects(store.commit(puts(["a", "1"], ["a", "2"])), code("INVALID_ARGUMENT"));
    await assert.rejects(store.commit({ ...puts(["a", "1"]), deletes: ["a"] }), code("INVALID_ARGUMENT"));
    await assert.rejects(store.commit(puts(["", "1"])), code("INVALID_ARGUMENT"));
    assert.deepEqual((await store.list("")).records, []);
    assert.equal((await store.commit(puts(["a", "1"]))).committed, true);
    await store.close();
  });

  test("any history of transactions equals the same history on a plain map, also when opened again", async () => {
    const key = fc.constantFrom("a", "b", "b/1", "c");
    const step = fc.record({ put: key, remove: fc.option(key), compared: key, stale: fc.boolean(), reopen: fc.boolean() });
    const law = fc.asyncProperty(fc.array(step, { maxLength: 30 }), (steps) => followsModel(makeSubject(), steps));
    await fc.assert(law, { seed: 11, numRuns: 60 });
  });
}

interface HistoryStep {
  readonly put: string;
  readonly remove: string | null;
  readonly compared: string;
  readonly stale: boolean;
  readonly reopen: boolean;
}

async function followsModel(subject: MetaStoreSubject, steps: readonly HistoryStep[]): Promise<void> {
  const model = new Map<string, { value: string; revision: number }>();
  let store = await subject.open();
  for (const [i, step] of steps.entries()) {
    const revision = (model.get(step.compared)?.revision ?? 0) + (step.stale ? 1 : 0);
    const removed = step.remove !== null && step.remove !== step.put ? [step.remove] : [];
    const commit = await store.commit({ ...puts([step.put, `${i}`]), compares: [{ key: step.compared, revision }], deletes: removed });
    assert.equal(commit.committed, !step.stale);
    if (commit.committed) {
      model.set(step.put, { value: `${i}`, revision: commit.revision });
      for (const key of removed) model.delete(key);
    }
    if (step.reopen) store = await subject.reopen(store);
    const { records } = await store.list("");
    const stored = records.map((record) => [record.key, { value: textOf(record), revision: record.revision }]);
    assert.deepEqual(
      stored,
      [...model].sort(([left], [right]) => (left < right ? -1 : 1)),
    );
  }
  await store.close();
}

function watchTests(makeSubject: () => MetaStoreSubject): void {
  test("a watch brings every change under its prefix once, in the order of revisions", async () => {
    const store = await makeSubject().open();
    const seen: string[] = [];
    const end = store.watch("map/", 0, (change) => seen.push(describeChange(change)));
    const transactions = [puts(["map/a", "1"], ["other", "1"]), puts(["other", "2"]), puts(["map/b", "1"])];
    await Promise.all(transactions.map((transaction) => store.commit(transaction)));
    await store.commit({ ...puts(["map/a", "2"]), deletes: ["map/b", "other"] });
    await settle();
    assert.deepEqual(seen, ["1: map/a=1", "3: map/b=1", "4: map/a=2 -map/b"]);
    end();
    await store.commit(puts(["map/c", "1"]));
    await settle();
    assert.equal(seen.length, 3);
    await store.close();
  });

  test("a watch from an earlier revision brings what happened since", async () => {
    const store = await makeSubject().open();
    const { revision } = await store.commit(puts(["a", "1"]));
    await store.commit(puts(["a", "2"]));
    await store.commit(deletes("a"));
    const seen: string[] = [];
    store.watch("", revision, (change) => seen.push(describeChange(change)));
    await store.commit(puts(["b", "1"]));
    await settle();
    assert.deepEqual(seen, ["2: a=2", "3:  -a", "4: b=1"]);
    await store.close();
  });

  test("a watch never calls back from inside watch or commit", async () => {
    const store = await makeSubject().open();
    await store.commit(puts(["a", "1"]));
    let inside = true;
    store.watch("", 0, () => assert.equal(inside, false));
    const commit = store.commit(puts(["a", "2"]));
    inside = false;
    await commit;
    await settle();
    await store.close();
  });

  test("a watch from a forgotten revision begins with a reset that has everything", async () => {
    const store = await makeSubject().open();
    const { revision } = await store.commit(puts(["map/gone", "1"], ["other", "1"]));
    await store.commit(deletes("map/gone"));
    for (let i = 0; i < 1_100; i++) await store.commit(puts([`map/${i % 3}`, `${i}`]));
    const seen: MetaChange[] = [];
    store.watch("map/", revision, (change) => seen.push(change));
    const { revision: last } = await store.commit(puts(["map/new", "1"]));
    await settle();
    assert.deepEqual(
      seen.map((change) => [change.reset, change.revision]),
      [
        [true, last - 1],
        [false, last],
      ],
    );
    assert.deepEqual(
      seen[0]?.puts.map((record) => record.key),
      ["map/0", "map/1", "map/2"],
    );
    await store.close();
  });

  test("list and watch together miss nothing, whenever they begin", async () => {
    const store = await makeSubject().open();
    const writing = (async () => {
      for (let i = 0; i < 50; i++) await store.commit(i % 5 === 4 ? deletes(`k${i % 3}`) : puts([`k${i % 3}`, `${i}`]));
    })();
    const { records, revision } = await store.list("k");
    const view = new Map(records.map((record) => [record.key, textOf(record)]));
    store.watch("k", revision, (change) => {
      for (const record of change.puts) view.set(record.key, textOf(record));
      for (const key of change.deletes) view.delete(key);
    });
    await writing;
    await settle();
    const present = (await store.list("k")).records.map((record) => [record.key, textOf(record)]);
    assert.deepEqual([...view].sort(), present);
    await store.close();
  });
}

function reopenTests(makeSubject: () => MetaStoreSubject): void {
  test("records and revisions are there again", async () => {
    const subject = makeSubject();
    const store = await subject.open();
    await store.commit(puts(["a", "1"], ["b", ""]));
    await store.commit(puts(["a", "2"]));
    const before = await store.list("");
    const again = await subject.reopen(store);
    assert.deepEqual(plain(await again.list("")), plain(before));
    await again.close();
  });

  test("no revision is given twice, also where the newest record was deleted", async () => {
    const subject = makeSubject();
    const store = await subject.open();
    await store.commit(puts(["a", "1"]));
    const { revision: last } = await store.commit(puts(["b", "1"]));
    const { revision } = await store.commit(deletes("b"));
    assert.ok(revision > last);
    const again = await subject.reopen(store);
    assert.equal((await again.list("")).revision, revision);
    assert.ok((await again.commit(puts(["c", "1"]))).revision > revision);
    await again.close();
  });

  test("a watch from a revision before the opening begins with a reset", async () => {
    const subject = makeSubject();
    const store = await subject.open();
    const { revision } = await store.commit(puts(["a", "1"]));
    await store.commit(puts(["b", "1"]));
    const again = await subject.reopen(store);
    const seen: boolean[] = [];
    again.watch("", revision, (change) => seen.push(change.reset && change.puts.length === 2));
    await settle();
    assert.deepEqual(seen, [true]);
    await again.close();
  });
}

function changes(put: string, value: string, removed: string): Omit<MetaTransaction, "compares"> {
  return { puts: [{ key: put, value: bytes(value) }], deletes: [removed] };
}

function plain(list: { readonly records: readonly MetaRecord[]; readonly revision: number }): unknown {
  return { revision: list.revision, records: list.records.map((record) => [record.key, textOf(record), record.revision]) };
}

function describeChange(change: MetaChange): string {
  const written = change.puts.map((record) => `${record.key}=${textOf(record)}`).join(" ");
  return `${change.revision}: ${written}${change.deletes.map((key) => ` -${key}`).join("")}`;
}
