import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../src/base/random.js";
import { MemoryMetaStore, type CommitFault } from "../../src/meta/memory-meta-store.js";
import { MetaTable } from "../../src/meta/meta-table.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { metaStoreConformance } from "./conformance.js";

metaStoreConformance("memory", () => {
  const table = new MetaTable();
  return {
    open: async () => Promise.resolve(new MemoryMetaStore({ table })),
    reopen: async (store) => {
      await store.close();
      return new MemoryMetaStore({ table });
    },
  };
});

const transaction = { compares: [], puts: [{ key: "a", value: new Uint8Array(1) }], deletes: [] };

async function afterFault(fault: CommitFault): Promise<{ code: string | undefined; applied: boolean }> {
  const faults: (CommitFault | undefined)[] = [fault];
  const store = new MemoryMetaStore({ commitFault: () => faults.shift() });
  const code = await store.commit(transaction).then(
    ({ committed }) => (committed ? "committed" : "lost"),
    (error: { code?: string }) => error.code,
  );
  return { code, applied: (await store.get("a")) !== undefined };
}

test("injected faults answer as they say and apply only what they say", async () => {
  assert.deepEqual(await afterFault("lost"), { code: "lost", applied: false });
  assert.deepEqual(await afterFault("unavailable"), { code: "UNAVAILABLE", applied: false });
  assert.deepEqual(await afterFault("unknown-applied"), { code: "OUTCOME_UNKNOWN", applied: true });
  assert.deepEqual(await afterFault("unknown-unapplied"), { code: "OUTCOME_UNKNOWN", applied: false });
});

test("a late commit applies after the next one, if its compares still hold", async () => {
  const faults: CommitFault[] = ["unknown-late"];
  const store = new MemoryMetaStore({ commitFault: () => faults.shift() });
  await assert.rejects(store.commit({ ...transaction, compares: [{ key: "b", revision: 0 }] }));
  await store.commit({ ...transaction, puts: [{ key: "c", value: new Uint8Array(1) }] });
  assert.deepEqual(
    (await store.list("")).records.map(({ key }) => key),
    ["a", "c"],
  );
});

test("delayed watches keep the order of revisions", async () => {
  const clock = new ManualClock();
  const random = seededRandom(5);
  const store = new MemoryMetaStore({ deferWatch: (run) => clock.setTimer(random.below(1_000), run) });
  const seen: number[] = [];
  store.watch("", 0, (change) => seen.push(change.revision));
  for (let i = 0; i < 20; i++) await store.commit(transaction);
  assert.deepEqual(seen, []);
  clock.advance(1_000);
  assert.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
});
