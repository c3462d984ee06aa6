import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ScanPage } from "../../src/base/scan-page.js";
import type { KeyRange, ReadRangeOptions, ReadReceiver, RowPage, SnapshotReader, StorageEngine } from "../../src/storage/storage-engine.js";
import { entriesOf } from "../base/scan-entries.js";
import { outcomesOf } from "../client/fixture.js";
import { NodeUnderTest, keepLoopAlive, put, settleAll } from "./node-under-test.js";

/** Without a filter a page is read in one go, with one in steps of a snapshot. */
const prefixes = ["", "key"];

describe("a page that is read while", () => {
  keepLoopAlive();

  for (const prefix of prefixes) {
    const kind = prefix === "" ? "" : ", with a filter";

    test(`its map is dropped says so, and never ends the scan${kind}`, async () => {
      const { subject, pages } = await nodeWithRows();
      const cursor = (await pageOf(subject, prefix, 10)).cursor;
      const [read, [first, next]] = await pages.hold(() => [
        outcomesOf([pageOf(subject, prefix)]),
        outcomesOf([pageOf(subject, prefix, 4_096, cursor)]),
      ]);
      await subject.node.router.dropMap("m");
      read();
      assert.deepEqual([await first, await next], [["MAP_NOT_FOUND"], ["MAP_NOT_FOUND"]]);
      await subject.node.close();
    });

    test(`its map is dropped and made again shows the new one, or refuses the old one's cursor${kind}`, async () => {
      const { subject, pages } = await nodeWithRows();
      const cursor = (await pageOf(subject, prefix, 10)).cursor;
      const [read, [first, next]] = await pages.hold(() => [pageOf(subject, prefix), outcomesOf([pageOf(subject, prefix, 4_096, cursor)])]);
      await subject.node.router.dropMap("m");
      await subject.ask([put("key of the new map", "v")]);
      read();
      assert.deepEqual(keysOf(await first), ["key of the new map"]);
      assert.deepEqual(await next, ["CURSOR_INVALID"]);
      await subject.node.close();
    });

    test(`its canister is stopped says so${kind}`, async () => {
      const { subject, pages } = await nodeWithRows();
      const [read, [page]] = await pages.hold(() => [outcomesOf([pageOf(subject, prefix)])]);
      await subject.node.replica.stopCanister(subject.canisters()[0]?.canisterId ?? 0);
      read();
      assert.deepEqual(await page, ["CANISTER_STOPPED"]);
      await subject.node.close();
    });

    test(`its canister is split has all rows${kind}`, async () => {
      const { subject, pages } = await nodeWithRows();
      const [read, [page]] = await pages.hold(() => [pageOf(subject, prefix)]);
      await subject.node.router.splitCanister(subject.canisters()[0]?.canisterId ?? 0, undefined);
      read();
      assert.equal(keysOf(await page).length, rowCount);
      assert.equal(subject.canisters().length, 2);
      await subject.node.close();
    });
  }
});

describe("a page of one canister is of one moment", () => {
  keepLoopAlive();

  test("where an atomic batch is written between the steps in which it is read", async () => {
    const { subject, pages } = await nodeWithRows(6_000);
    const values = (page: ScanPage): string[] => [...new Set(entriesOf(page).map(({ value }) => Buffer.from(value).toString()))];
    for (const [round, prefix] of ["", "key", "key-1"].entries()) {
      let cursor: Uint8Array | undefined;
      let steps = 0;
      pages.onStep = async () => {
        await writeAll(subject, 6_000, `written in step ${++steps} of round ${round}`);
      };
      do {
        const page = await pageOf(subject, prefix, 4_096, cursor);
        assert.equal(values(page).length, 1, `prefix ${prefix}`);
        cursor = page.cursor;
      } while (cursor !== undefined);
      assert.ok(steps > 1);
    }
    await subject.node.close();
  });

  test("and ends where it has read a mebibyte, of keys only too", async () => {
    const { subject } = await nodeWithRows(0);
    await subject.ask(Array.from({ length: 40 }, (_, i) => put(`key-${i}`, Buffer.alloc(100_000))));
    for (const keysOnly of [false, true]) {
      const sizes: number[] = [];
      let cursor: Uint8Array | undefined;
      do {
        const page = await subject.node.connection.scanPage({ map: "m", prefix: Buffer.alloc(0), maxEntries: 4_096, cursor, keysOnly });
        sizes.push(page.count);
        cursor = page.cursor;
      } while (cursor !== undefined);
      assert.deepEqual(sizes, [11, 11, 11, 7]);
    }
    await subject.node.close();
  });
});

const rowCount = 300;

async function nodeWithRows(rows = rowCount): Promise<{ subject: NodeUnderTest; pages: SteppedReads }> {
  const pages = new SteppedReads();
  const subject = await NodeUnderTest.open({ capBytes: 64 * 2 ** 20, wrap: (engine) => pages.around(engine) });
  await subject.node.router.createMap("m", { initialCanisters: 1 });
  await writeAll(subject, rows, "v");
  return { subject, pages };
}

async function writeAll(subject: NodeUnderTest, rows: number, value: string): Promise<void> {
  const puts = Array.from({ length: rows }, (_, i) => put(`key-${i}`, value));
  if (rows > 0) await subject.ask(puts, { atomic: true });
}

function pageOf(subject: NodeUnderTest, prefix: string, maxEntries = 4_096, cursor?: Uint8Array): Promise<ScanPage> {
  return subject.node.connection.scanPage({ map: "m", prefix: Buffer.from(prefix), maxEntries, cursor, keysOnly: false });
}

function keysOf(page: ScanPage): string[] {
  return entriesOf(page).map(({ key }) => Buffer.from(key).toString());
}

/** Reads of rows go when the test says, and it may do something between the steps of one. */
class SteppedReads {
  /** Before each call of `readRows`, after each step of a reader. */
  onStep: () => Promise<void> = () => Promise.resolve();
  #held: Promise<void> = Promise.resolve();

  /** What `read` reads waits until the returned function is called. */
  async hold<Reads extends readonly unknown[]>(read: () => readonly [...Reads]): Promise<readonly [() => void, readonly [...Reads]]> {
    let go = (): void => undefined;
    this.#held = new Promise((resolve) => (go = resolve));
    const reads = read();
    await settleAll();
    this.#held = Promise.resolve();
    return [go, reads];
  }

  around(engine: StorageEngine): StorageEngine {
    return new Proxy(engine, {
      get: (target, name) => {
        if (name === "readRows") return this.#readRows.bind(this, target);
        if (name === "openReader") return (...args: Parameters<StorageEngine["openReader"]>) => this.#stepped(target.openReader(...args));
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    });
  }

  #readRows(engine: StorageEngine, range: KeyRange, options: ReadRangeOptions, receiver: ReadReceiver): void {
    void this.#held.then(this.onStep).then(() => engine.readRows(range, options, receiver));
  }

  #stepped(reader: SnapshotReader): SnapshotReader {
    return {
      next: async (options): Promise<RowPage> => {
        await this.#held;
        const rows = await reader.next(options);
        await this.onStep();
        return rows;
      },
      close: () => reader.close(),
    };
  }
}
