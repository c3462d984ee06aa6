import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BigMapError } from "../../src/base/errors.js";
import { EmbeddedMetaStore } from "../../src/meta/embedded-meta-store.js";
import { MemoryDisk } from "../../src/storage/memory-disk.js";
import { MemoryEngine } from "../../src/storage/memory-engine.js";
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import { metaStoreConformance } from "./conformance.js";

metaStoreConformance("embedded, with a crash before every opening", () => {
  const disk = new MemoryDisk();
  const open = (): Promise<EmbeddedMetaStore> => EmbeddedMetaStore.open(new MemoryEngine(disk));
  return {
    open,
    reopen: async (store) => {
      disk.crash();
      await store.close();
      return open();
    },
  };
});

const put = (key: string, value: string, revision?: number) => ({
  compares: revision === undefined ? [] : [{ key, revision }],
  puts: [
    { key, value: Buffer.from(value) },
    { key: `${key}-twin`, value: Buffer.from(value) },
  ],
  deletes: [],
});

/** After a full disk the store still knows what is on disk. */
const readsAfter: Readonly<Record<string, string>> = { DISK_FULL: "ok", OUTCOME_UNKNOWN: "STORAGE_FAILED" };

describe("embedded: failing disks", () => {
  test("a commit that failed is there wholly or not at all after a crash, and every answered one is there", async () => {
    const step = fc.constantFrom<"ok" | "fsync" | "disk-full">("ok", "ok", "ok", "fsync", "disk-full");
    const law = async (steps: readonly ("ok" | "fsync" | "disk-full")[], survivors: number): Promise<void> => {
      const disk = new MemoryDisk();
      let store = await EmbeddedMetaStore.open(new MemoryEngine(disk));
      let answered = "";
      for (const [i, fault] of steps.entries()) {
        if (fault !== "ok") disk.failNextWrite(fault);
        const code = await store.commit(put("a", `${i}`)).then(
          () => "ok",
          (error: unknown) => BigMapError.from(error).code,
        );
        assert.equal(code, { ok: "ok", fsync: "OUTCOME_UNKNOWN", "disk-full": "DISK_FULL" }[fault]);
        if (code === "ok") answered = `${i}`;
        if (code === "ok") continue;
        const read = await store.get("a").then(
          () => "ok",
          (error: unknown) => BigMapError.from(error).code,
        );
        assert.equal(read, readsAfter[code]);
        await assert.rejects(store.commit(put("b", "")), (error: unknown) => BigMapError.from(error).code === "STORAGE_FAILED");
        disk.crash(survivors);
        store = await EmbeddedMetaStore.open(new MemoryEngine(disk));
        const [one, twin] = [await store.get("a"), await store.get("a-twin")].map((record) => Buffer.from(record?.value ?? []).toString());
        assert.equal(one, twin);
        assert.ok(one === answered || (code === "OUTCOME_UNKNOWN" && one === `${i}`));
        answered = one ?? "";
      }
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.nat(1), law), { seed: 41, numRuns: 100 });
  });

  test("on RocksDB the records and the counter of revisions are there after an orderly end", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bigmap-meta-"));
    try {
      let engine = await openRocksEngine(folder, { memoryBytes: 16 * 2 ** 20, readThreads: 1 });
      let store = await EmbeddedMetaStore.open(engine);
      const first = await store.commit(put("a", "1"));
      await Promise.all(Array.from({ length: 20 }, (_, i) => store.commit(put("a", `racer ${i}`, first.revision))));
      const { revision } = await store.commit({ compares: [], puts: [], deletes: ["a-twin"] });
      const before = (await store.list("")).records.map(({ key, revision: at }) => [key, at]);
      await store.close();
      await engine.close();
      engine = await openRocksEngine(folder, { memoryBytes: 16 * 2 ** 20, readThreads: 1 });
      store = await EmbeddedMetaStore.open(engine);
      assert.deepEqual(
        (await store.list("")).records.map(({ key, revision: at }) => [key, at]),
        before,
      );
      assert.deepEqual([(await store.list("")).revision, revision], [3, 3]);
      await store.close();
      await engine.close();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
