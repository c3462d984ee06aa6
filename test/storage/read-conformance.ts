/** What every StorageEngine does when it reads many keys, or rows, at once; a part of conformance.ts. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BigMapError } from "../../src/base/errors.js";
import { PackedKeys } from "../../src/storage/packed-keys.js";
import { wholeValues } from "../../src/storage/packed-values.js";
import type { StorageEngine } from "../../src/storage/storage-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { batchOf, bytes, hasCode } from "./text-rows.js";

/** `current` gives the open engine of the test that runs. */
export function readConformance(current: () => StorageEngine): void {
  describe("readMany", () => {
    test("hands over the values in the order of the keys, absent and empty ones told apart", async () => {
      await current().write(batchOf({ a: "1", empty: "", long: "long value" }), "fsync");
      assert.deepEqual(await read(keysOf("long", "missing", "a", "empty", "a")), ["long value", undefined, "1", "", "1"]);
      assert.deepEqual(await read(new PackedKeys()), []);
    });

    test("hands over the first bytes of values, and how long they are", async () => {
      await current().write(batchOf({ a: "1", long: "long value" }), "fsync");
      assert.deepEqual(await read(keysOf("long", "missing", "a"), 4), ["long of 10", undefined, "1"]);
      assert.deepEqual(await read(keysOf("long", "a"), 0), [" of 10", " of 1"]);
    });

    test("answers after the call, and does not keep hold of keys that are filled anew meanwhile", async () => {
      await current().write(batchOf({ a: "1", b: "2" }), "fsync");
      const keys = keysOf("a");
      let returned = false;
      const first = read(keys).then((values) => ({ values, returned }));
      keys.clear();
      keys.add(bytes("b"));
      const second = read(keys);
      returned = true;
      assert.deepEqual(await first, { values: ["1"], returned: true });
      assert.deepEqual(await second, ["2"]);
    });

    test("sees what was written before it", async () => {
      for (let i = 0; i < 50; i++) {
        await current().write(batchOf({ counter: String(i) }), "os");
        assert.deepEqual(await read(keysOf("counter")), [String(i)]);
      }
    });

    test("keeps reads apart, whatever their size and however many are under way", async () => {
      const sizes = [0, 1, 1_000, 70_000, 300_000, 1_500_000];
      const batch = new WriteBatch();
      for (const size of sizes) batch.put(bytes(`of ${size}`), Buffer.alloc(size, size % 251));
      await current().write(batch, "fsync");
      const reads = Array.from({ length: 60 }, async (_, i) => {
        const size = sizes[i % sizes.length] as number;
        // Every seventh asks for more keys than fit into one message in shared memory.
        const absent = Array.from({ length: i % 7 === 0 ? 400 : 1 }, (_, n) => `absent ${n} ${"x".repeat(1_000)}`);
        const values = await read(keysOf(...absent, `of ${size}`));
        assert.equal(values.length, absent.length + 1);
        assert.ok(values.slice(0, -1).every((value) => value === undefined));
        assert.ok(Buffer.alloc(size, size % 251).equals(bytes(values.at(-1) as string)), `of ${size}`);
      });
      await Promise.all(reads);
    });

    test("answers what is under way when the engine closes, and refuses what comes later", async () => {
      await current().write(batchOf({ a: "1" }), "fsync");
      const reads = Array.from({ length: 100 }, () => read(keysOf("a")));
      await current().close();
      for (const values of await Promise.all(reads)) assert.deepEqual(values, ["1"]);
      await assert.rejects(read(keysOf("a")), hasCode("CLOSED"));
    });
  });

  describe("readRows", () => {
    test("hands over keys and values in turn, up to a number, and says with the last that there are no more", async () => {
      await current().write(batchOf({ a: "1", b: "", c: "3", d: "4" }), "fsync");
      assert.deepEqual(await readRows("a", "d", 2), [["a", "1", "b", ""], false]);
      assert.deepEqual(await readRows("b\0", "d", 2), [["c", "3"], true]);
      assert.deepEqual(await readRows("", "z", 100), [["a", "1", "b", "", "c", "3", "d", "4"], true]);
    });

    test("finds nothing in a range that is empty or upside down", async () => {
      await current().write(batchOf({ a: "1", b: "2" }), "fsync");
      for (const [start, end] of [
        ["b", "b"],
        ["z", "a"],
        ["x", "y"],
      ] as const)
        assert.deepEqual(await readRows(start, end, 5), [[], true]);
    });

    test("comes to the end of any range in steps, whatever the size of its rows", async () => {
      const batch = new WriteBatch();
      const sizes = Array.from({ length: 1_500 }, (_, i) => (i % 300 === 299 ? 300_000 : (i * 37) % 700));
      for (const [i, size] of sizes.entries()) batch.put(bytes(String(i).padStart(5, "0")), Buffer.alloc(size, i));
      await current().write(batch, "os");
      const found: [string, number][] = [];
      for (let start = "", isLast = false; !isLast;) {
        const [rows, last] = await readRows(start, "z", 1_000);
        assert.ok(last || rows.length > 0);
        for (let i = 0; i < rows.length; i += 2) found.push([rows[i] as string, (rows[i + 1] as string).length]);
        start = `${rows.at(-2) ?? start}\0`;
        isLast = last;
      }
      assert.deepEqual(
        found,
        [...sizes.entries()].map(([i, size]) => [String(i).padStart(5, "0"), size]),
      );
    });

    test("ends after as many rows or as many bytes as were asked for, and nowhere else", async () => {
      const batch = new WriteBatch();
      for (let i = 0; i < 5_000; i++) batch.put(bytes(String(i).padStart(5, "0")), Buffer.alloc(195, i));
      await current().write(batch, "os");
      const shapes: [number, boolean][] = [];
      for (const [maxRows, maxBytes] of [
        [4_096, 2 ** 20],
        [5_001, 2 ** 21],
        [5_000, 2_000],
        [5_000, 2_001],
        [5_000, 1],
        [7, 2 ** 20],
      ] as const) {
        const [rows, isLast] = await readRows("", "z", maxRows, maxBytes);
        shapes.push([rows.length / 2, isLast]);
      }
      assert.deepEqual(shapes, [
        [4_096, false],
        [5_000, true],
        [10, false],
        [11, false],
        [1, false],
        [7, false],
      ]);
    });

    test("hands over rows of one moment, whatever is written beside it", async () => {
      const all = Array.from({ length: 3_000 }, (_, i) => String(i).padStart(5, "0"));
      const write = (value: string): Promise<void> => current().write(batchOf(Object.fromEntries(all.map((key) => [key, value]))), "os");
      await write("0");
      for (let round = 1; round <= 20; round++) {
        const writing = write(String(round));
        const [rows, isLast] = await readRows("", "z", all.length + 1, 2 ** 20);
        assert.equal(isLast, true);
        assert.equal(rows.length, 2 * all.length);
        assert.equal(new Set(rows.filter((_, i) => i % 2 === 1)).size, 1);
        await writing;
      }
    });

    test("keeps its answers apart from those of other reads", async () => {
      await current().write(batchOf({ a: "1", b: "2" }), "fsync");
      // More keys than fit into the requests' memory: what is asked next waits for room, in order.
      const absent = Array.from({ length: 200 }, (_, n) => `absent ${n} ${"x".repeat(1_000)}`);
      const reads = Array.from({ length: 40 }, () => [read(keysOf(...absent, "b")), readRows("a", "b", 5)] as const);
      for (const [values, rows] of reads) {
        assert.equal((await values).at(-1), "2");
        assert.deepEqual(await rows, [["a", "1"], true]);
      }
    });

    test("answers what is under way when the engine closes, and refuses what comes later", async () => {
      await current().write(batchOf({ a: "1" }), "fsync");
      const reads = Array.from({ length: 20 }, () => readRows("a", "z", 5));
      await current().close();
      for (const rows of await Promise.all(reads)) assert.deepEqual(rows, [["a", "1"], true]);
      await assert.rejects(readRows("a", "z", 5), hasCode("CLOSED"));
    });
  });

  /** Keys and values in turn, and whether they are the last. */
  function readRows(start: string, end: string, maxRows: number, maxBytes = 64 * 2 ** 10): Promise<[string[], boolean]> {
    return new Promise((resolve, reject: (error: BigMapError) => void) => {
      current().readRows(
        { start: bytes(start), end: bytes(end) },
        { maxRows, maxBytes },
        {
          resolve: (rows) => resolve([rows.copy().map((part) => (part as Buffer).toString("latin1")), rows.isLast]),
          reject,
        },
      );
    });
  }

  /** The values as text; of one that is cut: what is here, and " of " its length. */
  function read(keys: PackedKeys, valueMaxBytes = wholeValues): Promise<(string | undefined)[]> {
    return new Promise((resolve, reject: (error: BigMapError) => void) => {
      current().readMany(keys, valueMaxBytes, {
        resolve: (found) => {
          const values: (string | undefined)[] = [];
          while (found.next()) {
            const text = found.bytes.toString("latin1", found.start, found.end);
            const cut = found.valueBytes > text.length ? ` of ${found.valueBytes}` : "";
            values.push(found.isAbsent ? undefined : text + cut);
          }
          resolve(values);
        },
        reject,
      });
    });
  }
}

function keysOf(...keys: string[]): PackedKeys {
  return PackedKeys.of(keys.map(bytes));
}
