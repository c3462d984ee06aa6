/** What every StorageEngine does. An engine adopts it in a few lines: see memory-engine.test.ts. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { KeyRange, RowPage, StorageEngine } from "../../src/storage/storage-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { readConformance } from "./read-conformance.js";
import { batchOf, bytes, hasCode, readAll, rowsOf, textOf, wholePage, wholeRange } from "./text-rows.js";

/** One engine's disk under test. */
export interface EngineFixture {
  /** The engine on this disk; opened again it finds what was durable. */
  open(): Promise<StorageEngine>;
  remove(): Promise<void>;
}

export function storageEngineConformance(name: string, makeFixture: () => Promise<EngineFixture>): void {
  describe(`${name} as a StorageEngine`, () => {
    let fixture: EngineFixture;
    let engine: StorageEngine;

    beforeEach(async () => {
      fixture = await makeFixture();
      engine = await fixture.open();
    });
    afterEach(async () => {
      await engine.close();
      await fixture.remove();
    });

    const write = (puts: Readonly<Record<string, string>>, deletes: readonly string[] = []): Promise<void> =>
      engine.write(batchOf(puts, deletes), "fsync");

    describe("writes", () => {
      test("reads back what was written, in the order of the keys asked for", async () => {
        await write({ a: "1", b: "2" });
        assert.deepEqual(await textOf(engine, "b", "missing", "a", "b"), ["2", undefined, "1", "2"]);
      });

      test("answers no keys with no values", async () => {
        assert.deepEqual(await engine.getMany([]), []);
      });

      test("takes it well when a write that was expected does not come", async () => {
        for (let i = 0; i < 3; i++) engine.expectWrite();
        await write({ a: "1" });
        engine.expectWrite();
        assert.deepEqual(await textOf(engine, "a"), ["1"]);
      });

      test("overwrites and deletes", async () => {
        await write({ a: "1", b: "2" });
        await write({ a: "3" }, ["b", "never there"]);
        assert.deepEqual(await textOf(engine, "a", "b"), ["3", undefined]);
      });

      test("lets the last row of a batch win", async () => {
        const batch = new WriteBatch();
        batch.put(bytes("a"), bytes("first"));
        batch.delete(bytes("a"));
        batch.put(bytes("a"), bytes("last"));
        batch.put(bytes("b"), bytes("gone"));
        batch.delete(bytes("b"));
        await engine.write(batch, "os");
        assert.deepEqual(await textOf(engine, "a", "b"), ["last", undefined]);
      });

      test("tells an empty value from an absent one", async () => {
        await write({ empty: "" });
        const [empty, absent] = await engine.getMany([bytes("empty"), bytes("absent")]);
        assert.equal(empty?.length, 0);
        assert.equal(absent, undefined);
      });

      test("accepts a batch without rows", async () => {
        await engine.write(new WriteBatch(), "fsync");
        await engine.write(new WriteBatch(), "os");
        assert.deepEqual(await readAll(engine), []);
      });

      test("keeps keys of 4 KiB and values of 1 MiB byte for byte", async () => {
        const key = Buffer.alloc(4096, 0xab);
        const value = Buffer.alloc(
          2 ** 20,
          Uint8Array.from({ length: 251 }, (_, i) => i),
        );
        const batch = new WriteBatch();
        batch.put(key, value);
        await engine.write(batch, "fsync");
        const [read] = await engine.getMany([key]);
        assert.ok(read !== undefined && value.equals(read));
        const page = await readPage(wholeRange);
        assert.ok(key.equals(page.keys[0] as Uint8Array) && value.equals(page.values[0] as Uint8Array));
      });

      test("tells every one-byte key apart", async () => {
        const batch = new WriteBatch();
        for (let byte = 0; byte < 256; byte++) batch.put(Buffer.of(byte), Buffer.of(255 - byte));
        await engine.write(batch, "fsync");
        const values = await engine.getMany(Array.from({ length: 256 }, (_, byte) => Buffer.of(byte)));
        assert.deepEqual(
          values.map((value) => value?.[0]),
          Array.from({ length: 256 }, (_, byte) => 255 - byte),
        );
      });

      test("does not keep hold of a key that the caller changes after the call", async () => {
        await write({ a: "1" });
        const key = bytes("a");
        const answer = engine.getMany([key]);
        key[0] = 0;
        assert.equal((await answer)[0]?.[0], "1".charCodeAt(0));
      });

      test("hands out bytes that the caller may change", async () => {
        await write({ a: "1" });
        const [value] = await engine.getMany([bytes("a")]);
        value?.fill(0);
        (await readPage(wholeRange)).values[0]?.fill(0);
        assert.deepEqual(await textOf(engine, "a"), ["1"]);
      });

      test("applies writes in the order of the calls, many under way", async () => {
        const durabilities = ["fsync", "os"] as const;
        const writes = Array.from({ length: 300 }, (_, i) =>
          engine.write(batchOf({ counter: String(i), [`row ${i}`]: "x" }), durabilities[i % 2] as "fsync" | "os"),
        );
        await Promise.all(writes);
        assert.deepEqual(await textOf(engine, "counter", "row 0", "row 299"), ["299", "x", "x"]);
        assert.equal((await readAll(engine)).length, 301);
      });

      test("resolves writes in the order of the calls", async () => {
        const order: number[] = [];
        const inOrder = Array.from({ length: 50 }, (_, i) => i);
        await Promise.all(inOrder.map((i) => engine.write(batchOf({ a: String(i) }), "fsync").then(() => order.push(i))));
        assert.deepEqual(order, inOrder);
      });

      test("shows a batch as a whole or not at all, while others write", async () => {
        await write({ left: "0", right: "0" });
        let writing = true;
        const batches = Array.from({ length: 200 }, (_, i) => batchOf({ left: String(i), right: String(i) }));
        const writes = Promise.all(batches.map((batch) => engine.write(batch, "os")));
        const reads = (async () => {
          do {
            const [left, right] = await readAll(engine);
            assert.equal(left?.[1], right?.[1]);
          } while (writing);
        })();
        await writes;
        writing = false;
        await reads;
      });

      test("reads see every write that resolved before, with many reads under way", async () => {
        for (let round = 0; round < 20; round++) {
          await engine.write(batchOf({ a: String(round) }), "os");
          const answers = await Promise.all(Array.from({ length: 16 }, () => textOf(engine, "a")));
          assert.deepEqual(
            answers,
            Array.from({ length: 16 }, () => [String(round)]),
          );
        }
      });
    });

    describe("readers", () => {
      test("give rows in the order of unsigned bytes", async () => {
        await write({ "\xff": "3", "\x7f": "2", "\x00": "0", "\x00\x00": "1", "\x80": "2.5" });
        assert.deepEqual(
          (await readAll(engine)).map(([key]) => key),
          ["\x00", "\x00\x00", "\x7f", "\x80", "\xff"],
        );
      });

      test("include the start of the range and exclude its end", async () => {
        await write({ a: "1", b: "2", bb: "3", c: "4" });
        assert.deepEqual(await readAll(engine, { start: bytes("b"), end: bytes("c") }), [
          ["b", "2"],
          ["bb", "3"],
        ]);
        assert.deepEqual(await readAll(engine, { start: bytes("a!"), end: bytes("b\x00") }), [["b", "2"]]);
      });

      test("find nothing in a range that is empty or upside down", async () => {
        await write({ a: "1", b: "2" });
        assert.deepEqual(await readAll(engine, { start: bytes("b"), end: bytes("b") }), []);
        assert.deepEqual(await readAll(engine, { start: bytes("z"), end: bytes("a") }), []);
        assert.deepEqual(await readAll(engine, { start: bytes("x"), end: bytes("y") }), []);
      });

      test("see the store as it was when they were made", async () => {
        await write({ a: "1", b: "2", c: "3" });
        const reader = engine.openReader(wholeRange);
        const changes = [write({ a: "changed", d: "new" }, ["b"]), engine.deleteRange({ start: bytes("c"), end: bytes("d") })];
        assert.deepEqual(rowsOf(await reader.next({ maxRows: 1, maxBytes: 1000 })), [["a", "1"]]);
        await Promise.all(changes);
        assert.deepEqual(rowsOf(await reader.next(wholePage)), [
          ["b", "2"],
          ["c", "3"],
        ]);
        reader.close();
        assert.deepEqual(await readAll(engine), [
          ["a", "changed"],
          ["d", "new"],
        ]);
      });

      test("page by rows, and say exactly when they are finished", async () => {
        await write(Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`k${i}`, "v"])));
        for (const maxRows of [1, 2, 3, 5, 9, 10, 11]) {
          const pages = await readPages({ maxRows, maxBytes: 1000 });
          assert.deepEqual(
            pages.flatMap(rowsOf).map(([key]) => key),
            Array.from({ length: 10 }, (_, i) => `k${i}`),
          );
          assert.equal(pages.length, Math.ceil(10 / maxRows));
          assert.deepEqual(
            pages.map((page) => page.finished),
            pages.map((_, i) => i === pages.length - 1),
          );
        }
      });

      test("give keys alone where only keys are asked for, and count only them", async () => {
        await write({ k0: "12345678", k1: "", k2: "x".repeat(100_000), k3: "1" });
        const reader = engine.openReader({ start: bytes("k0"), end: bytes("k3") }, "keys");
        const pages = [await reader.next({ maxRows: 100, maxBytes: 4 }), await reader.next({ maxRows: 1, maxBytes: 1000 })];
        reader.close();
        assert.deepEqual(
          pages.map(({ keys, values, finished }) => [keys.map((key) => Buffer.from(key).toString()), values.length, finished]),
          [
            [["k0", "k1"], 0, false],
            [["k2"], 0, true],
          ],
        );
      });

      test("end a page with the row that reaches the bytes asked for", async () => {
        await write({ k0: "12345678", k1: "12345678", k2: "12345678", k3: "1" });
        assert.deepEqual(
          (await readPages({ maxRows: 100, maxBytes: 20 })).map((page) => page.keys.length),
          [2, 2],
        );
        assert.deepEqual(
          (await readPages({ maxRows: 100, maxBytes: 21 })).map((page) => page.keys.length),
          [3, 1],
        );
        assert.deepEqual(
          (await readPages({ maxRows: 100, maxBytes: 1 })).map((page) => page.keys.length),
          [1, 1, 1, 1],
        );
      });

      test("read many rows of many sizes across their own steps", async () => {
        const batch = new WriteBatch();
        for (let i = 0; i < 3000; i++) batch.put(bytes(`k${String(i).padStart(5, "0")}`), Buffer.alloc((i * 37) % 700, i));
        batch.put(bytes("k99999"), Buffer.alloc(300_000, 1));
        await engine.write(batch, "os");
        const pages = await readPages({ maxRows: 700, maxBytes: 200_000 });
        const rows = pages.flatMap(rowsOf);
        assert.equal(rows.length, 3001);
        assert.ok(rows.every(([key, value], i) => i === 3000 || (Number(key.slice(1)) === i && value.length === (i * 37) % 700)));
      });

      test("answer a page after the last with no rows", async () => {
        const reader = engine.openReader(wholeRange);
        for (let i = 0; i < 2; i++) assert.deepEqual(await reader.next(wholePage), { keys: [], values: [], finished: true });
        reader.close();
      });

      test("work side by side", async () => {
        await write(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, String(i)])));
        const all = await Promise.all(Array.from({ length: 20 }, () => readPages({ maxRows: 7, maxBytes: 1000 })));
        for (const pages of all) assert.equal(pages.flatMap(rowsOf).length, 200);
      });

      test("refuse to be asked twice at once", async () => {
        await write({ a: "1" });
        const reader = engine.openReader(wholeRange);
        const first = reader.next(wholePage);
        await assert.rejects(reader.next(wholePage), hasCode("INTERNAL"));
        assert.equal((await first).keys.length, 1);
        reader.close();
      });

      test("are closed as often as one likes, also in the middle of a page", async () => {
        await write({ a: "1" });
        const reader = engine.openReader(wholeRange);
        const page = reader.next(wholePage).catch(() => undefined);
        reader.close();
        reader.close();
        await page;
        await assert.rejects(reader.next(wholePage), hasCode("CLOSED"));
      });
    });

    describe("deleteRange", () => {
      test("deletes exactly the range", async () => {
        await write({ a: "1", b: "2", c: "3", d: "4" });
        await engine.deleteRange({ start: bytes("b"), end: bytes("d") });
        assert.deepEqual(await readAll(engine), [
          ["a", "1"],
          ["d", "4"],
        ]);
        assert.deepEqual(await textOf(engine, "b", "c"), [undefined, undefined]);
      });

      test("does nothing to an empty range, and nothing when repeated", async () => {
        await write({ a: "1", b: "2" });
        await engine.deleteRange({ start: bytes("b"), end: bytes("b") });
        await engine.deleteRange({ start: bytes("z"), end: bytes("a") });
        for (let i = 0; i < 2; i++) await engine.deleteRange({ start: bytes("a"), end: bytes("b") });
        assert.deepEqual(await readAll(engine), [["b", "2"]]);
      });

      test("is applied after the writes called before it and before those called after it", async () => {
        const range = { start: bytes("a"), end: bytes("z") };
        await Promise.all([
          engine.write(batchOf({ before: "1" }), "fsync"),
          engine.deleteRange(range),
          engine.write(batchOf({ between: "2" }), "os"),
          engine.deleteRange(range),
          engine.deleteRange({ start: bytes("A"), end: bytes("B") }),
          engine.write(batchOf({ later: "3" }), "fsync"),
        ]);
        assert.deepEqual(await readAll(engine), [["later", "3"]]);
      });

      test("does not keep hold of a range that the caller changes after the call", async () => {
        await write({ a: "1", b: "2" });
        const range = { start: bytes("a"), end: bytes("b") };
        const deletion = engine.deleteRange(range);
        range.end.fill(0xff);
        await deletion;
        assert.deepEqual(await readAll(engine), [["b", "2"]]);
      });
    });

    describe("close", () => {
      test("keeps everything for the next open", async () => {
        await write({ a: "1", b: "2" });
        await engine.write(batchOf({ c: "3" }), "os");
        await engine.deleteRange({ start: bytes("b"), end: bytes("c") });
        await engine.close();
        engine = await fixture.open();
        assert.deepEqual(await readAll(engine), [
          ["a", "1"],
          ["c", "3"],
        ]);
      });

      test("ends after the writes and reads under way", async () => {
        await write({ a: "1" });
        const reader = engine.openReader(wholeRange);
        const writes = Array.from({ length: 100 }, (_, i) => engine.write(batchOf({ [`k${i}`]: "v" }), "fsync"));
        const reads = Array.from({ length: 20 }, () => textOf(engine, "a"));
        const page = reader.next(wholePage).catch((error: unknown) => error);
        await engine.close();
        await Promise.all(writes);
        assert.deepEqual(
          await Promise.all(reads),
          Array.from({ length: 20 }, () => ["1"]),
        );
        await page;
        engine = await fixture.open();
        assert.equal((await readAll(engine)).length, 101);
      });

      test("fails every later call with CLOSED", async () => {
        const reader = engine.openReader(wholeRange);
        await Promise.all([engine.close(), engine.close()]);
        await engine.close();
        await assert.rejects(engine.getMany([bytes("a")]), hasCode("CLOSED"));
        await assert.rejects(engine.getMany([]), hasCode("CLOSED"));
        await assert.rejects(write({ a: "1" }), hasCode("CLOSED"));
        await assert.rejects(engine.deleteRange(wholeRange), hasCode("CLOSED"));
        await assert.rejects(reader.next(wholePage), hasCode("CLOSED"));
        assert.throws(() => engine.openReader(wholeRange), hasCode("CLOSED"));
        assert.throws(() => engine.statistics(), hasCode("CLOSED"));
        reader.close();
      });
    });

    readConformance(() => engine);

    test("tells how many bytes it has on disk", async () => {
      await write({ a: "1" });
      const { diskBytes, workBytes } = engine.statistics();
      for (const bytes of [diskBytes, workBytes]) assert.ok(Number.isSafeInteger(bytes) && bytes >= 0);
    });

    async function readPage(range: KeyRange): Promise<RowPage> {
      const reader = engine.openReader(range);
      const page = await reader.next(wholePage);
      reader.close();
      return page;
    }

    async function readPages(options: { maxRows: number; maxBytes: number }): Promise<RowPage[]> {
      const reader = engine.openReader(wholeRange);
      const pages: RowPage[] = [];
      do pages.push(await reader.next(options));
      while (pages.at(-1)?.finished === false);
      reader.close();
      return pages;
    }
  });
}
