import assert from "node:assert/strict";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { openDataFolder } from "../../src/storage/data-folder.js";
import { folderDiskSpace } from "../../src/storage/disk-space.js";
import { systemKey, systemKind } from "../../src/storage/key-layout.js";
import { toOpenError } from "../../src/storage/rocksdb-errors.js";
import type { StorageEngine } from "../../src/storage/storage-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { smallMemory, temporaryFolder } from "./rocksdb-fixture.js";
import { batchOf, hasCode, textOf } from "./text-rows.js";

describe("a data folder", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const open = (path: string): Promise<StorageEngine> => openDataFolder(path, smallMemory);

  async function storeLayout(version: Uint8Array | undefined): Promise<void> {
    const engine = await open(folder);
    const batch = new WriteBatch();
    const key = systemKey(systemKind.layout, Buffer.alloc(0));
    if (version === undefined) batch.delete(key);
    else batch.put(key, version);
    await engine.write(batch, "fsync");
    await engine.close();
  }

  test("is made where it is missing, and found again", async () => {
    const path = join(folder, "some", "where");
    const first = await open(path);
    await first.write(batchOf({ a: "1" }), "fsync");
    await first.close();
    const second = await open(path);
    assert.deepEqual(await textOf(second, "a"), ["1"]);
    const layout = await second.getMany([systemKey(systemKind.layout, Buffer.alloc(0))]);
    assert.equal(Buffer.from(layout[0] as Uint8Array).toString("hex"), "00000001");
    await second.close();
  });

  test("on a full disk says which, how much is free, and how much opening writes", async () => {
    await (await open(folder)).close();
    await writeFile(join(folder, "store", "000999.log"), Buffer.alloc(3 * 2 ** 20));
    const cause = toOpenError({ code: "", message: "IO error: No space left on device: While fsync" });
    const openEngine = (): Promise<StorageEngine> => Promise.reject(cause);
    const failure = async (freeBytes: () => Promise<number>): Promise<BigMapError> => {
      const opened = openDataFolder(folder, smallMemory, { space: { freeBytes }, openEngine });
      return BigMapError.from(await opened.catch((error: unknown) => error));
    };
    const full = await failure(async () => 8192);
    assert.deepEqual([full.code, full.cause], ["DISK_FULL", cause]);
    assert.match(full.message, /8 KiB free, and opening writes about 4\.\d+ MiB: IO error: No space/);
    for (const text of [full.message, full.hint]) assert.ok(text.includes(folder), text);
    assert.match(full.hint, /Free 4\.\d+ MiB or more .* nothing inside of that folder/);
    const unknown = await failure(() => Promise.reject(new Error("The test hides it")));
    assert.match(unknown.message, /has too little free/);
  });

  test("belongs to one engine at a time, within one process too", async () => {
    const engine = await open(folder);
    await assert.rejects(open(folder), hasCode("DATA_DIR_IN_USE"));
    await assert.rejects(open(folder), hasCode("DATA_DIR_IN_USE"));
    await engine.write(batchOf({ a: "1" }), "fsync");
    await engine.close();
    await (await open(folder)).close();
  });

  test("belongs to one of several that open it at once", async () => {
    const opened = await Promise.allSettled([open(folder), open(folder), open(folder)]);
    const engines = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    assert.equal(engines.length, 1);
    for (const result of opened) if (result.status === "rejected") assert.ok(hasCode("DATA_DIR_IN_USE")(result.reason));
    await engines[0]?.close();
  });

  test("that is a file, or lies under one, is DATA_DIR_UNUSABLE", async () => {
    const file = join(folder, "file");
    await writeFile(file, "not a folder");
    await assert.rejects(open(file), hasCode("DATA_DIR_UNUSABLE"));
    await assert.rejects(open(join(file, "below")), hasCode("DATA_DIR_UNUSABLE"));
    assert.deepEqual(await readdir(folder), ["file"]);
  });

  test("that holds other files and no store is DATA_DIR_UNUSABLE, and left as it was", async () => {
    for (const name of ["notes.txt", "photo.jpg", "b.txt", "a.txt"]) await writeFile(join(folder, name), "mine");
    await assert.rejects(open(folder), (error: BigMapError) => {
      assert.equal(error.code, "DATA_DIR_UNUSABLE");
      assert.match(error.message, /no store of BigMap, but other files: a\.txt, b\.txt, notes\.txt, …$/);
      return true;
    });
    assert.equal((await readdir(folder)).length, 4);
  });

  test("that holds a folder store of someone else is DATA_DIR_UNUSABLE", async () => {
    await mkdir(join(folder, "store"));
    await writeFile(join(folder, "store", "milk.txt"), "mine");
    await assert.rejects(open(folder), hasCode("DATA_DIR_UNUSABLE"));
    assert.deepEqual(await readdir(join(folder, "store")), ["milk.txt"]);
  });

  test("that is new but for what systems put there is used; and so is one with a store, whatever is beside it", async () => {
    await mkdir(join(folder, "lost+found"));
    await (await open(folder)).close();
    await writeFile(join(folder, "notes.txt"), "mine");
    await (await open(folder)).close();
  });

  test("where nobody may write is DATA_DIR_UNUSABLE", { skip: process.platform !== "linux" }, async () => {
    await assert.rejects(open("/sys/bigmap"), hasCode("DATA_DIR_UNUSABLE"));
  });

  test("of a newer layout is refused, and left as it was", async () => {
    await storeLayout(Buffer.from("00000002", "hex"));
    for (let i = 0; i < 2; i++) await assert.rejects(open(folder), hasCode("DATA_DIR_NEWER"));
  });

  test("with a damaged or missing layout record is STORAGE_CORRUPT", async () => {
    await storeLayout(Buffer.from("0001", "hex"));
    await assert.rejects(open(folder), hasCode("STORAGE_CORRUPT"));
    await rm(folder, { recursive: true });
    await storeLayout(Buffer.alloc(4));
    await assert.rejects(open(folder), hasCode("STORAGE_CORRUPT"));
    await rm(folder, { recursive: true });
    await (async () => {
      const engine = await open(folder);
      await engine.write(batchOf({ a: "1" }), "fsync");
      await engine.close();
    })();
    await storeLayout(undefined);
    await assert.rejects(open(folder), hasCode("STORAGE_CORRUPT"));
  });

  test("whose first start was cut short before the layout record is started anew", async () => {
    await storeLayout(undefined);
    await (await open(folder)).close();
  });

  test("tells the free space of its disk", async () => {
    const freeBytes = await folderDiskSpace(folder).freeBytes();
    assert.ok(Number.isSafeInteger(freeBytes) && freeBytes > 0);
  });
});
