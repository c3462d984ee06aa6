import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EmbeddedMetaStore } from "../../src/meta/embedded-meta-store.js";
import { metaStoreConformance } from "./conformance.js";
import { FakeEngine } from "./fake-engine.js";

metaStoreConformance("embedded", () => {
  const rows = new Map<string, Buffer>();
  const open = (): Promise<EmbeddedMetaStore> => EmbeddedMetaStore.open(new FakeEngine(rows));
  return {
    open,
    reopen: async (store) => {
      await store.close();
      return open();
    },
  };
});

const put = (key: string, value: string) => ({ compares: [], puts: [{ key, value: Buffer.from(value) }], deletes: [] });
const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected;

describe("embedded: the disk", () => {
  test("rows on disk are these bytes", async () => {
    const engine = new FakeEngine();
    const store = await EmbeddedMetaStore.open(engine);
    await store.commit(put("a", "x"));
    await store.commit(put("map/b", "yz"));
    assert.deepEqual(
      [...engine.rows].sort().map(([key, value]) => [key, value.toString("hex")]),
      goldenRows,
    );
  });

  test("every commit is one batch, written with fsync, and commits run one after the other", async () => {
    const engine = new FakeEngine();
    const store = await EmbeddedMetaStore.open(engine);
    await Promise.all(Array.from({ length: 10 }, (_, i) => store.commit(put(`k${i}`, "v"))));
    assert.deepEqual(
      engine.durabilities,
      Array.from({ length: 10 }, () => "fsync"),
    );
    assert.equal(engine.largestWritesUnderWay, 1);
  });

  for (const applied of [true, false]) {
    test(`after a failed write (${applied ? "applied" : "not applied"}) nothing is answered until the store is opened anew`, async () => {
      const engine = new FakeEngine();
      const store = await EmbeddedMetaStore.open(engine);
      await store.commit(put("a", "1"));
      engine.nextFailure = { code: "STORAGE_FAILED", applied };
      await assert.rejects(store.commit(put("a", "2")), code("OUTCOME_UNKNOWN"));
      await assert.rejects(store.get("a"), code("STORAGE_FAILED"));
      await assert.rejects(store.list(""), code("STORAGE_FAILED"));
      await assert.rejects(store.commit(put("a", "3")), code("STORAGE_FAILED"));
      const again = await EmbeddedMetaStore.open(new FakeEngine(engine.rows));
      assert.equal(Buffer.from((await again.get("a"))?.value ?? []).toString(), applied ? "2" : "1");
    });
  }

  test("a write that the engine refuses changes nothing, and the store goes on", async () => {
    const engine = new FakeEngine();
    const store = await EmbeddedMetaStore.open(engine);
    engine.nextFailure = { code: "DISK_FULL", applied: false };
    await assert.rejects(store.commit(put("a", "1")), code("DISK_FULL"));
    assert.equal(await store.get("a"), undefined);
    assert.equal((await store.commit(put("a", "2"))).revision, 1);
  });

  test("close ends after the commits under way", async () => {
    const engine = new FakeEngine();
    const store = await EmbeddedMetaStore.open(engine);
    const commit = store.commit(put("a", "1"));
    await Promise.resolve();
    await store.close();
    assert.equal((await commit).committed, true);
    assert.equal(engine.writesUnderWay, 0);
  });

  test("any changed byte of a stored row is STORAGE_CORRUPT at the next open", async () => {
    const engine = new FakeEngine();
    const store = await EmbeddedMetaStore.open(engine);
    await store.commit(put("a", "some value"));
    await store.commit(put("b", ""));
    for (const [key, row] of engine.rows) {
      for (let i = 0; i < row.length; i++) {
        const damaged = Buffer.from(row);
        damaged[i] = (damaged[i] ?? 0) ^ 0x40;
        await assert.rejects(EmbeddedMetaStore.open(new FakeEngine(new Map([...engine.rows, [key, damaged]]))), code("STORAGE_CORRUPT"));
      }
    }
  });

  test("a missing counter of revisions is STORAGE_CORRUPT", async () => {
    const engine = new FakeEngine();
    const store = await EmbeddedMetaStore.open(engine);
    await store.commit(put("a", "1"));
    engine.rows.delete("000000004d");
    await assert.rejects(EmbeddedMetaStore.open(engine), code("STORAGE_CORRUPT"));
  });
});

/** 'M' and the record key -> revision u48, CRC-32 u32, record bytes; the counter has no record key. */
const goldenRows = [
  ["000000004d", "000000000002a055c479"],
  ["000000004d61", "0000000000017b2dcab878"],
  ["000000004d6d61702f62", "0000000000021438ffdf797a"],
];
