import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import type { ScanPage } from "../../src/base/scan-page.js";
import { seededRandom } from "../../src/base/random.js";
import { BigMap } from "../../src/client/bigmap.js";
import type { MapRing } from "../../src/ring/topology.js";
import type { GrpcServer } from "../../src/rpc/grpc-server.js";
import { MemoryConnection } from "../map-api/memory-connection.js";
import { outcomesOf } from "./fixture.js";
import { turn } from "./held-connection.js";
import { ManualClock } from "./manual-clock.js";
import { serve } from "./memory-server.js";

/** While it is held it answers no call, and says how many wait. */
class HeldCalls extends MemoryConnection {
  held = false;
  closed = false;
  readonly #waiting: (() => void)[] = [];
  #told: (() => void) | undefined;
  #expected = Infinity;

  override stats(map: string) {
    return this.#whenReleased(() => super.stats(map));
  }

  override clear(map: string) {
    return this.#whenReleased(() => super.clear(map));
  }

  override createMap(...call: Parameters<MemoryConnection["createMap"]>) {
    return this.#whenReleased(() => super.createMap(...call));
  }

  override getRing(map: string) {
    return this.#whenReleased(() => super.getRing(map));
  }

  override scanPage(...call: Parameters<MemoryConnection["scanPage"]>): Promise<ScanPage> {
    return this.#whenReleased(() => super.scanPage(...call));
  }

  override close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** Resolves when this many calls wait. */
  waits(calls: number): Promise<void> {
    this.#expected = calls;
    return new Promise((resolve) => {
      this.#told = resolve;
      this.#tell();
    });
  }

  release(): void {
    this.held = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  async #whenReleased<T>(call: () => Promise<T>): Promise<T> {
    if (this.held) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        this.#tell();
      });
    }
    return call();
  }

  #tell(): void {
    if (this.#waiting.length >= this.#expected) this.#told?.();
  }
}

/** Whether the promise is settled once everything has run that this turn of the loop still has to do. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => void (settled = true);
  promise.then(settle, settle);
  await turn();
  return settled;
}

describe("closing a client", () => {
  test("answers calls and pages that are under way before it closes the connection, and lets none begin", async () => {
    const connection = new HeldCalls();
    const bigmap = new BigMap(connection, { clock: new ManualClock(), random: seededRandom(7) });
    const map = bigmap.map("m");
    await map.put("a", new Uint8Array(1));
    await map.put("b", new Uint8Array(1));
    connection.held = true;
    const pages = map.scan({ limit: 2 })[Symbol.asyncIterator]();
    const calls = outcomesOf([
      map.stats().then(({ entries }) => entries),
      bigmap.createMap("n").then((made) => made.map),
      bigmap.ring("m").then((mapRing) => mapRing.map),
      pages.next().then(({ done }) => done),
    ]);
    const unread = map.scan().pages();
    await connection.waits(4);
    const closing = bigmap.close();
    assert.equal(await isSettled(closing), false);
    assert.equal(connection.closed, false);
    assert.deepEqual(await outcomesOf([unread.next()]), ["CLOSED"]);
    connection.release();
    assert.deepEqual(await calls, [2, "n", "m", false]);
    await closing;
    assert.equal(connection.closed, true);
  });

  test("ends watches at once, whatever else is under way, and those that nobody has begun to read", async () => {
    const connection = new HeldCalls();
    const bigmap = new BigMap(connection, { clock: new ManualClock(), random: seededRandom(7) });
    await bigmap.createMap("m");
    const watches = Array.from({ length: 20 }, () => bigmap.watchRing("m")[Symbol.asyncIterator]());
    for (const watch of watches) assert.equal((await watch.next()).done, false);
    const unread = bigmap.watchRing("m");
    connection.held = true;
    const nexts = watches.map((watch) => watch.next());
    const stats = bigmap.map("m").stats();
    const closing = bigmap.close();
    for (const { done } of await Promise.all(nexts)) assert.equal(done, true);
    assert.equal((await unread[Symbol.asyncIterator]().next()).done, true);
    assert.equal(await isSettled(closing), false);
    connection.held = false;
    connection.release();
    await stats;
    await closing;
    assert.throws(() => bigmap.watchRing("m"), { code: "CLOSED" });
  });

  test("leaves errors of watches, and their signals, as they were", async () => {
    const bigmap = new BigMap(new MemoryConnection());
    assert.deepEqual(await outcomesOf([bigmap.watchRing("none")[Symbol.asyncIterator]().next()]), ["MAP_NOT_FOUND"]);
    await bigmap.createMap("m");
    const stop = new AbortController();
    const watch = bigmap.watchRing("m", { signal: stop.signal })[Symbol.asyncIterator]();
    await watch.next();
    const next = watch.next();
    stop.abort();
    assert.equal((await next).done, true);
    await bigmap.close();
  });
});

describe("closing a client whose server hangs", () => {
  let backend: HeldCalls;
  let server: GrpcServer;

  before(async () => {
    backend = new HeldCalls();
    server = await serve(backend);
  });
  after(() => server.stop(100));

  test("waits for calls and pages until they are answered", async () => {
    const bigmap = await BigMap.connect({ endpoints: [server.address], timeoutMs: 3_600_000 });
    const map = bigmap.map("m");
    await map.put("a", new Uint8Array(1));
    backend.held = true;
    const calls = outcomesOf([
      // Not its entries: it may come before the clear or after it.
      map.stats().then(({ settings }) => settings.tokenFunction),
      bigmap.createMap("n").then((made) => made.map),
      map.clear(),
      map
        .scan()
        .pages()
        .next()
        .then(({ done }) => done),
    ]);
    await backend.waits(4);
    const closing = bigmap.close();
    assert.equal(await isSettled(closing), false);
    backend.release();
    assert.deepEqual(await calls, ["murmur3", "n", 1, false]);
    await closing;
  });

  test("waits for a page no longer than its timeout", async () => {
    const bigmap = await BigMap.connect({ endpoints: [server.address], timeoutMs: 3_600_000 });
    const map = bigmap.map("m");
    await map.put("a", new Uint8Array(1));
    backend.held = true;
    let outcome: unknown[] = [];
    const page = outcomesOf([map.scan({ timeoutMs: 30 }).pages().next()]).then((outcomes) => (outcome = outcomes));
    await bigmap.close();
    assert.deepEqual(outcome, ["DEADLINE_EXCEEDED"]);
    await page;
    backend.release();
  });

  test("ends watches at once: one that waits for its first ring, and one that has it", async () => {
    const bigmap = await BigMap.connect({ endpoints: [server.address], timeoutMs: 3_600_000 });
    await bigmap.map("m").put("a", new Uint8Array(1));
    const begun = bigmap.watchRing("m")[Symbol.asyncIterator]();
    const first: IteratorResult<MapRing> = await begun.next();
    assert.equal(first.done, false);
    backend.held = true;
    const waiting = bigmap.watchRing("m")[Symbol.asyncIterator]();
    const nexts = [begun.next(), waiting.next()];
    await backend.waits(1);
    const closing = bigmap.close();
    for (const { done } of await Promise.all(nexts)) assert.equal(done, true);
    await closing;
    backend.release();
  });
});
