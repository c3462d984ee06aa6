import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import { BigMap } from "../../src/client/bigmap.js";
import { utf8 } from "../../src/client/codec.js";
import type { GrpcServer } from "../../src/rpc/grpc-server.js";
import type { ScanPage } from "../../src/base/scan-page.js";
import type { OperationBatch, ResultSink } from "../../src/base/operation-batch.js";
import { MemoryConnection } from "../map-api/memory-connection.js";
import { outcomesOf } from "./fixture.js";
import { turn } from "./held-connection.js";
import { serve } from "./memory-server.js";

/** Carries out everything, but keeps the answers to itself until told. */
class SilentBackend extends MemoryConnection {
  silent = false;
  #heard: (() => void) | undefined;

  override submit(batch: OperationBatch, sessionId: number, sink: ResultSink): void {
    if (!this.silent) super.submit(batch, sessionId, sink);
    this.#heard?.();
  }

  hears(): Promise<void> {
    return new Promise((resolve) => (this.#heard = resolve));
  }
}

/** A page of a scan never comes. */
class EndlessScans extends MemoryConnection {
  override scanPage(): Promise<ScanPage> {
    return new Promise(() => undefined);
  }
}

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("a client whose server goes and comes", () => {
  let backend: SilentBackend;
  let server: GrpcServer;
  let bigmap: BigMap;

  before(async () => {
    backend = new SilentBackend();
    server = await serve(backend);
    bigmap = await BigMap.connect({ endpoints: [server.address] });
  });
  after(async () => {
    await bigmap.close();
    await server.stop(100);
  });

  test("sends lost queries again, and says OUTCOME_UNKNOWN of lost updates, without sending them again", async () => {
    const map = bigmap.map("lost", { value: utf8 });
    await map.put("k", "before");
    backend.silent = true;
    const heard = backend.hears();
    const query = map.get("k");
    const update = outcomesOf([map.put("other", "lost")]);
    await heard;
    await server.stop(1);
    backend.silent = false;
    assert.deepEqual(await update, ["OUTCOME_UNKNOWN"]);
    server = await serve(backend, server.port);
    assert.equal(await query, "before");
    assert.equal(await map.has("other"), false);
  });

  test("keeps what is asked while there is no server", async () => {
    const map = bigmap.map("kept", { value: utf8 });
    await map.put("k", "1");
    await server.stop(100);
    const calls = [map.put("k", "2"), map.get("k"), map.stats().then(({ entries }) => entries)];
    server = await serve(backend, server.port);
    const [version, value, entries] = await outcomesOf(calls);
    assert.ok((version as number) > 0);
    assert.deepEqual([value, entries], ["2", 1]);
  });

  test("fails what is asked while there is no server when its deadline passes, as UNAVAILABLE and never sent", async () => {
    const map = bigmap.map("late", { value: utf8 });
    await map.put("k", "1");
    await server.stop(100);
    const outcomes = await outcomesOf([map.put("k", "2", { timeoutMs: 30 }), map.get("k", { timeoutMs: 30 })]);
    server = await serve(backend, server.port);
    assert.deepEqual(outcomes, ["UNAVAILABLE", "UNAVAILABLE"]);
    assert.equal(await map.get("k"), "1");
  });

  test("keeps the order on a key over an ordered stop of the server", async () => {
    const map = bigmap.map("order", { value: utf8 });
    const writes: Promise<number>[] = [];
    const reads: Promise<string | undefined>[] = [];
    for (let i = 0; i < 60; i++) {
      writes.push(map.put("k", `${i}`));
      reads.push(map.get("k"));
      if (i % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (i === 30) {
        const stopped = server.stop(1_000);
        await new Promise((resolve) => setImmediate(resolve));
        void stopped.then(async () => (server = await serve(backend, server.port)));
      }
    }
    const versions = await Promise.all(writes);
    assert.deepEqual(
      versions,
      [...versions].sort((left, right) => left - right),
    );
    assert.deepEqual(
      await Promise.all(reads),
      Array.from({ length: 60 }, (_, i) => `${i}`),
    );
  });

  test("goes on watching a ring", async () => {
    await bigmap.createMap("watched", { initialCanisters: 3 });
    const stop = new AbortController();
    const rings = bigmap.watchRing("watched", { signal: stop.signal })[Symbol.asyncIterator]();
    const first: IteratorResult<{ ring: { size: number } }> = await rings.next();
    assert.equal(first.done === true ? 0 : first.value.ring.size, 3);
    await server.stop(100);
    server = await serve(backend, server.port);
    await bigmap.dropMap("watched");
    await bigmap.createMap("watched", { initialCanisters: 5 });
    const second: IteratorResult<{ ring: { size: number } }> = await rings.next();
    assert.equal(second.done === true ? 0 : second.value.ring.size, 5);
    stop.abort();
    assert.equal((await rings.next()).done, true);
  });
});

describe("closing a client whose server is gone", () => {
  test("ends what waits for a connection at once, and does not wait for its timeout", async () => {
    const server = await serve(new MemoryConnection());
    const bigmap = await BigMap.connect({ endpoints: [server.address], timeoutMs: 3_600_000 });
    const map = bigmap.map("m", { value: utf8 });
    await map.put("k", "1");
    await server.stop(1);
    const calls = outcomesOf([map.get("k"), map.put("k", "2")]);
    await turn();
    const late = outcomesOf([map.get("k"), map.put("k", "3")]);
    await bigmap.close();
    assert.deepEqual(await calls, ["UNAVAILABLE", "UNAVAILABLE"]);
    assert.deepEqual(await late, ["UNAVAILABLE", "UNAVAILABLE"]);
  });

  test("ends what the server took along with it: a query is UNAVAILABLE, an update's outcome unknown", async () => {
    const backend = new SilentBackend();
    const server = await serve(backend);
    const bigmap = await BigMap.connect({ endpoints: [server.address], timeoutMs: 3_600_000 });
    const map = bigmap.map("m", { value: utf8 });
    await map.put("k", "1");
    backend.silent = true;
    const heard = backend.hears();
    const calls = outcomesOf([map.get("k"), map.put("other", "2")]);
    await heard;
    const closing = bigmap.close();
    await server.stop(1);
    await closing;
    assert.deepEqual(await calls, ["UNAVAILABLE", "OUTCOME_UNKNOWN"]);
  });
});

describe("a scan", () => {
  test("has a timeout of its own for each page", async () => {
    const server = await serve(new EndlessScans());
    const bigmap = await BigMap.connect({ endpoints: [server.address] });
    const pages = bigmap.map("m").scan({ timeoutMs: 30 }).pages();
    assert.deepEqual(await outcomesOf([pages.next()]), ["DEADLINE_EXCEEDED"]);
    await bigmap.close();
    await server.stop(100);
  });
});

describe("connecting", () => {
  test("is UNAVAILABLE when nobody answers within the timeout", async () => {
    const endpoints = [`127.0.0.1:${await deadPort()}`];
    await assert.rejects(BigMap.connect({ endpoints, timeoutMs: 100 }), { code: "UNAVAILABLE" });
  });

  test("is UNAVAILABLE when somebody listens who does not speak gRPC", async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const address = mute.address();
    const endpoints = [`127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`];
    await assert.rejects(BigMap.connect({ endpoints, timeoutMs: 100 }), { code: "UNAVAILABLE" });
    for (const socket of sockets) socket.destroy();
    mute.close();
  });

  test("tries the endpoints in turn", async () => {
    const server = await serve(new MemoryConnection());
    const endpoints = [`127.0.0.1:${await deadPort()}`, `127.0.0.1:${await deadPort()}`, server.address];
    const bigmap = await BigMap.connect({ endpoints });
    assert.equal(await bigmap.map("m").put("k", new Uint8Array(1)), 1);
    await bigmap.close();
    await server.stop(100);
  });

  test("may be given up", async () => {
    const endpoints = [`127.0.0.1:${await deadPort()}`];
    const stop = new AbortController();
    const connecting = BigMap.connect({ endpoints, signal: stop.signal });
    stop.abort();
    await assert.rejects(connecting, { code: "CANCELLED" });
  });

  test("refuses what is no endpoint", async () => {
    for (const endpoints of [[], ["localhost"], ["http://localhost:1"], [":7400"], ["a b:1"]]) {
      await assert.rejects(BigMap.connect({ endpoints }), { code: "INVALID_ARGUMENT" });
    }
  });
});
