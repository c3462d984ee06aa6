import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { emptyBytes } from "../../src/base/bytes.js";
import { systemClock } from "../../src/base/clock.js";
import { limits } from "../../src/base/limits.js";
import { silentLogger } from "../../src/base/logger.js";
import type { ScanRequest } from "../../src/proto/entry-codec.js";
import { mapService } from "../../src/replica/map-service.js";
import { GrpcChannel } from "../../src/rpc/grpc-channel.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import { PageClient } from "../../src/rpc/page-client.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";
import { entriesOf } from "../base/scan-entries.js";
import { ManualClock } from "../client/manual-clock.js";
import { FakeBackend } from "./fake-backend.js";

const scan: ScanRequest = {
  map: "m",
  prefix: emptyBytes,
  limit: 0,
  cursor: undefined,
  keysOnly: false,
  singlePage: true,
  noForward: false,
};

describe("a client of pages", () => {
  const backend = new FakeBackend();
  const clock = new ManualClock();
  let server: GrpcServer;
  let channel: GrpcChannel;
  let pages: PageClient;

  before(async () => {
    const services = [mapService(backend, { clock: systemClock, sessions: new SessionCounter(), logger: silentLogger })];
    server = await GrpcServer.listen({ listenAddress: "127.0.0.1:0", services, clock: systemClock, logger: silentLogger });
    channel = new GrpcChannel(server.address, systemClock);
    pages = new PageClient(channel, clock);
  });

  after(async () => {
    pages.close();
    channel.close();
    await server.stop(1_000);
  });

  test("has many under way, each with its own answer", async () => {
    const asked = Array.from({ length: 100 }, (_, i) => pages.page({ ...scan, limit: 1 + (i % 2), cursor: Uint8Array.of(i % 3) }, {}));
    for (const [i, page] of (await Promise.all(asked)).entries()) {
      const keys = [2 * (i % 3), 2 * (i % 3) + 1].slice(0, 1 + (i % 2)).map((name) => `k${name}`);
      assert.deepEqual(
        entriesOf(page).map(({ key }) => Buffer.from(key).toString()),
        keys,
      );
      assert.deepEqual(page.cursor, i % 3 === 2 ? undefined : Buffer.of((i % 3) + 1));
    }
  });

  test("leaves values out where keys are asked for", async () => {
    const page = await pages.page({ ...scan, keysOnly: true }, {});
    assert.deepEqual(
      entriesOf(page).map(({ value }) => value.length),
      [0, 0],
    );
  });

  test("tells the errors of one page, and others go on", async () => {
    const [refused, answered] = await Promise.allSettled([pages.page({ ...scan, map: "none" }, {}), pages.page(scan, {})]);
    assert.equal(refused.status === "rejected" && (refused.reason as { code: string }).code, "MAP_NOT_FOUND");
    assert.equal(answered.status === "fulfilled" && answered.value.count, 2);
  });

  test("does not send what is longer than any can be: it would break the pages of others", async () => {
    const arrived = backend.scanRequests.length;
    const long = Buffer.alloc(limits.messageMaxBytes);
    const other = pages.page(scan, {});
    await assert.rejects(pages.page({ ...scan, prefix: long }, {}), { code: "KEY_TOO_LARGE" });
    await assert.rejects(pages.page({ ...scan, prefix: Buffer.alloc(limits.keyMaxBytes + 1) }, {}), { code: "KEY_TOO_LARGE" });
    await assert.rejects(pages.page({ ...scan, cursor: long }, {}), { code: "CURSOR_INVALID" });
    await assert.rejects(pages.page({ ...scan, cursor: Buffer.alloc(limits.scanCursorMaxBytes + 1) }, {}), { code: "CURSOR_INVALID" });
    await assert.rejects(pages.page({ ...scan, map: "m".repeat(limits.mapNameMaxChars + 1) }, {}), { code: "MAP_NAME_INVALID" });
    assert.equal((await other).count, 2);
    assert.equal(backend.scanRequests.length, arrived + 1);
  });

  test("asks in messages that are not too large, however much is asked at once", async () => {
    const prefix = Buffer.alloc(limits.keyMaxBytes, 7);
    const cursor = Buffer.alloc(limits.scanCursorMaxBytes);
    const asked = Array.from({ length: limits.scanPagesWaitingMost }, () => pages.page({ ...scan, prefix, cursor }, {}));
    assert.ok((await Promise.all(asked)).every(({ count }) => count === 2));
  });

  test("gives up what is aborted or late, and those that wait for its place are served", async () => {
    const go = backend.holdScans();
    const arrived = backend.scanRequests.length;
    const abort = new AbortController();
    const most = limits.scanPagesOfStreamMost;
    const held = Array.from({ length: most }, (_, i) => {
      return pages.page(scan, i === 0 ? { signal: abort.signal } : { deadlineMs: clock.monotonicMs() + 1_000 });
    });
    const outcomes = Promise.all(held.map((page) => page.catch((error: { code: string }) => error.code)));
    await backend.scansArrived(arrived + most);
    const next = pages.page(scan, {});
    abort.abort();
    clock.advance(1_000);
    assert.deepEqual(await outcomes, ["CANCELLED", ...Array.from({ length: most - 1 }, () => "DEADLINE_EXCEEDED")]);
    go();
    assert.equal((await next).count, 2);
    await assert.rejects(pages.page(scan, { signal: abort.signal }), { code: "CANCELLED" });
  });

  test("loses what is under way when its stream ends, and opens another one", async () => {
    const go = backend.holdScans();
    const arrived = backend.scanRequests.length;
    const lost = assert.rejects(pages.page(scan, {}), { code: "UNAVAILABLE" });
    await backend.scansArrived(arrived + 1);
    pages.close();
    await lost;
    go();
    assert.equal((await pages.page(scan, {})).count, 2);
  });

  test("is told by a server that stops", async () => {
    backend.holdScans();
    const arrived = backend.scanRequests.length;
    const ended = assert.rejects(pages.page(scan, {}), { code: "SHUTTING_DOWN", retry: "transient" });
    await backend.scansArrived(arrived + 1);
    await Promise.all([ended, server.stop(1_000)]);
  });
});
