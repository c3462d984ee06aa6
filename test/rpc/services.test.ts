import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Code, ConnectError, createClient, type Client } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { systemClock } from "../../src/base/clock.js";
import { BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import { silentLogger } from "../../src/base/logger.js";
import { mapMethods, routerMethods } from "../../src/proto/methods.js";
import { mapService } from "../../src/replica/map-service.js";
import { routerService } from "../../src/router/router-service.js";
import { wholeTokenSpace } from "../../src/ring/hash-range.js";
import { Ring } from "../../src/ring/ring.js";
import type { MapRing, RouterBackend } from "../../src/ring/topology.js";
import { GrpcChannel } from "../../src/rpc/grpc-channel.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";
import { ErrorDetailSchema } from "../gen/bigmap/v1/error_pb.js";
import { MapService } from "../gen/bigmap/v1/map_service_pb.js";
import { RouterService } from "../gen/bigmap/v1/router_service_pb.js";
import { FakeBackend } from "./fake-backend.js";

const ringOne: MapRing = {
  map: "users",
  mapId: 1,
  ring: new Ring(3, [{ range: wholeTokenSpace, canisterId: 5, replicaId: "r1" }]),
  replicas: [{ replicaId: "r1", address: "127.0.0.1:1" }],
};

const router: RouterBackend = {
  getRing: async (map) => {
    if (map === "users") return ringOne;
    throw new BigMapError("MAP_NOT_FOUND", `There is no map ${map}`);
  },
  async *watchRing(_map, signal) {
    yield ringOne;
    await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  },
  splitCanister: async () => ({ leftId: 1, rightId: 2, cut: { high: 2 ** 31, low: 5 }, ringVersion: 9 }),
  getTopology: async () => ({ replicas: ringOne.replicas, maps: [], canisters: [] }),
};

describe("the services, for a client that is not ours", () => {
  let server: GrpcServer;
  let backend: FakeBackend;
  let maps: Client<typeof MapService>;
  let rings: Client<typeof RouterService>;
  let channel: GrpcChannel;
  const text = (name: string): Uint8Array => Buffer.from(name);

  before(async () => {
    backend = new FakeBackend();
    const ports = { clock: systemClock, sessions: new SessionCounter(), logger: silentLogger };
    const services = [mapService(backend, ports), routerService(router, ports)];
    server = await GrpcServer.listen({ listenAddress: "127.0.0.1:0", services, clock: systemClock, logger: silentLogger });
    const transport = createGrpcTransport({ baseUrl: `http://${server.address}`, writeMaxBytes: 64 * 2 ** 20 });
    maps = createClient(MapService, transport);
    rings = createClient(RouterService, transport);
    channel = new GrpcChannel(server.address, systemClock);
  });

  after(async () => {
    channel.close();
    await server.stop(1_000);
  });

  async function failure(call: Promise<unknown>): Promise<{ readonly status: Code; readonly code: string | undefined }> {
    const error = await call.then(
      () => assert.fail("the call did not fail"),
      (thrown: unknown) => ConnectError.from(thrown),
    );
    return { status: error.code, code: error.findDetails(ErrorDetailSchema)[0]?.code };
  }

  test("put, get, delete", async () => {
    const { version } = await maps.put({ map: "m", key: text("a"), value: text("one") });
    assert.ok(version > 0n);
    const got = await maps.get({ map: "m", key: text("a") });
    assert.deepEqual([got.found, Buffer.from(got.value).toString(), got.version], [true, "one", version]);
    const probe = await maps.get({ map: "m", key: text("a"), omitValue: true });
    assert.deepEqual([probe.found, probe.value.length, probe.version], [true, 0, version]);
    assert.equal((await maps.delete({ map: "m", key: text("a") })).existed, true);
    assert.equal((await maps.get({ map: "m", key: text("a") })).found, false);
  });

  test("write and read several entries, in the order of the keys", async () => {
    const updates = ["x", "y"].map((name) => ({ key: text(name), update: { case: "put" as const, value: text(name) } }));
    const written = await maps.write({ map: "m", updates });
    assert.equal(written.results.length, 2);
    const { results } = await maps.getMany({ map: "m", keys: ["y", "none", "x"].map(text) });
    assert.deepEqual(
      results.map(({ found, value }) => [found, Buffer.from(value).toString()]),
      [
        [true, "y"],
        [false, ""],
        [true, "x"],
      ],
    );
  });

  test("get as much as an answer holds, and a typed error for the other keys", async () => {
    await maps.put({ map: "m", key: text("big"), value: Buffer.alloc(limits.valueMaxBytes) });
    const { results } = await maps.getMany({ map: "m", keys: Array.from({ length: 100 }, () => text("big")) });
    assert.equal(results.filter(({ found }) => found).length, 8);
    assert.equal(results.filter(({ error }) => error?.code === "RESULT_TOO_LARGE").length, 92);
  });

  test("fail with a status and the detail that names the code", async () => {
    assert.deepEqual(await failure(maps.createMap({ map: "taken" })), { status: Code.AlreadyExists, code: "MAP_EXISTS" });
    assert.deepEqual(await failure(rings.getRing({ map: "none" })), { status: Code.NotFound, code: "MAP_NOT_FOUND" });
    assert.deepEqual(await failure(maps.dropMap({ map: "defect" })), { status: Code.Internal, code: "INTERNAL" });
    const tooMany = maps.getMany({ map: "m", keys: Array.from({ length: limits.batchMaxOperations + 1 }, () => text("k")) });
    assert.deepEqual(await failure(tooMany), { status: Code.InvalidArgument, code: "BATCH_TOO_LARGE" });
    const neither = maps.write({ map: "m", updates: [{ key: text("k") }] });
    assert.deepEqual(await failure(neither), { status: Code.InvalidArgument, code: "FRAME_INVALID" });
  });

  test("refuse a message over the limit, and go on with other connections", async () => {
    const before = backend.submissions.length;
    const careless = createClient(MapService, createGrpcTransport({ baseUrl: `http://${server.address}`, writeMaxBytes: 64 * 2 ** 20 }));
    const { status } = await failure(careless.put({ map: "m", key: text("k"), value: Buffer.alloc(2 * limits.messageMaxBytes) }));
    // The refusal may overtake its own trailers: the rest of the message then meets a closed stream, and HTTP/2 says so.
    assert.ok([Code.ResourceExhausted, Code.Internal].includes(status), Code[status]);
    assert.equal(backend.submissions.length, before);
    assert.equal((await maps.get({ map: "m", key: text("never") })).found, false);
  });

  test("scan page by page, up to a limit, and say where to resume", async () => {
    const all: string[] = [];
    for await (const page of maps.scan({ map: "m" })) all.push(...page.entries.map(({ key }) => Buffer.from(key).toString()));
    assert.deepEqual(all, ["k0", "k1", "k2", "k3", "k4", "k5"]);
    const pages = [];
    for await (const page of maps.scan({ map: "m", limit: 3n, keysOnly: true })) pages.push(page);
    assert.deepEqual(
      pages.map(({ entries }) => entries.length),
      [2, 1],
    );
    assert.ok(pages.every(({ entries }) => entries.every(({ value }) => value.length === 0)));
    assert.deepEqual([...(pages.at(-1)?.cursor ?? [])], [2]);
  });

  test("have few pages of scans in service at once; one that is cancelled makes room", async () => {
    const go = backend.holdScans();
    const before = backend.scanRequests.length;
    const stops = Array.from({ length: limits.scanPagesServedMost }, () => new AbortController());
    const drained = async (signal?: AbortSignal): Promise<number> => {
      let pages = 0;
      for await (const page of maps.scan({ map: "m" }, signal === undefined ? {} : { signal })) pages += page.entries.length > 0 ? 1 : 0;
      return pages;
    };
    const cancelled = stops.map(({ signal }) => drained(signal).catch(() => "cancelled"));
    await backend.scansArrived(before + limits.scanPagesServedMost);
    const others = Array.from({ length: 100 }, () => drained());
    // Another call's round trip shows that the others have come, and wait.
    await maps.stats({ map: "m" });
    assert.equal(backend.scanRequests.length, before + limits.scanPagesServedMost);
    for (const stop of stops) stop.abort();
    assert.deepEqual(new Set(await Promise.all(cancelled)), new Set(["cancelled"]));
    go();
    assert.deepEqual(new Set(await Promise.all(others)), new Set([3]));
  });

  test("describe rings and splits", async () => {
    const { ring } = await rings.getRing({ map: "users" });
    assert.deepEqual([ring?.version, ring?.starts, ring?.canisterIds, ring?.replicas[0]?.address], [3n, [0n], [5n], "127.0.0.1:1"]);
    assert.equal((await rings.splitCanister({ canisterId: 1n })).cutToken, ((2n ** 31n) << 32n) + 5n);
    for await (const update of rings.watchRing({ map: "users" })) {
      assert.equal(update.ring?.version, 3n);
      break;
    }
  });

  test("answer our own channel, with our own errors", async () => {
    assert.deepEqual(await channel.unary(mapMethods.clear, { map: "m" }), { deletedEntries: 42 });
    await assert.rejects(channel.unary(mapMethods.createMap, { map: "taken", settings: {} }), { name: "BigMapError", code: "MAP_EXISTS" });
    const unknown = { ...mapMethods.stats, path: "/bigmap.v1.MapService/Fly" };
    await assert.rejects(channel.unary(unknown, { map: "m" }), { code: "UNIMPLEMENTED" });
  });

  test("refuse bytes that are no message", async () => {
    const encode = (): Buffer => Buffer.from("0aff", "hex");
    await assert.rejects(channel.unary({ ...mapMethods.stats, request: { ...mapMethods.stats.request, encode } }, { map: "m" }), {
      code: "FRAME_INVALID",
    });
  });

  test("tell an update that was sent and not answered from a query", async () => {
    backend.holding = true;
    const arrivedBefore = backend.submissions.length;
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const put = channel.unary(mapMethods.put, { map: "m", key: text("k"), value: text("v"), condition: undefined }, options);
    const get = channel.unary(mapMethods.get, { map: "m", key: text("k"), omitValue: false }, options);
    const failures = Promise.all([assert.rejects(put, { code: "OUTCOME_UNKNOWN" }), assert.rejects(get, { code: "CANCELLED" })]);
    await backend.arrived(arrivedBefore + 2);
    controller.abort();
    await failures;
    backend.holding = false;
    for (const submission of backend.submissions.slice(arrivedBefore)) backend.answer(submission);
  });

  test("are not asked after the deadline", async () => {
    const arrivedBefore = backend.submissions.length;
    const put = channel.unary(mapMethods.put, { map: "m", key: text("k"), value: text("v"), condition: undefined }, { deadlineMs: 0 });
    await assert.rejects(put, { code: "DEADLINE_EXCEEDED", retry: "transient" });
    assert.equal(backend.submissions.length, arrivedBefore);
  });
});

describe("a server", () => {
  test("says LISTEN_FAILED for a port in use and for an address that is none", async () => {
    const options = { services: [], clock: systemClock, logger: silentLogger };
    const first = await GrpcServer.listen({ ...options, listenAddress: "127.0.0.1:0" });
    await assert.rejects(GrpcServer.listen({ ...options, listenAddress: first.address }), { code: "LISTEN_FAILED" });
    await assert.rejects(GrpcServer.listen({ ...options, listenAddress: "256.1.1.1:99999" }), { code: "LISTEN_FAILED" });
    await first.stop(0);
  });

  test("that stops ends a ring watch with SHUTTING_DOWN, and nobody connects any more", async () => {
    const ports = { clock: systemClock, sessions: new SessionCounter(), logger: silentLogger };
    const server = await GrpcServer.listen({
      listenAddress: "127.0.0.1:0",
      services: [routerService(router, ports)],
      clock: systemClock,
      logger: silentLogger,
    });
    const channel = new GrpcChannel(server.address, systemClock);
    const watch = channel.serverStream(routerMethods.watchRing, { map: "users" });
    assert.equal((await watch.next()).done, false);
    const ended = assert.rejects(watch.next(), { code: "SHUTTING_DOWN" });
    await server.stop(5_000);
    await ended;
    await assert.rejects(channel.unary(routerMethods.getRing, { map: "users" }), { code: "UNAVAILABLE" });
    channel.close();
  });
});
