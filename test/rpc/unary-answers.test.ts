/** Answers of unary calls that their readers do not take. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { test, type TestContext } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { systemClock } from "../../src/base/clock.js";
import { limits } from "../../src/base/limits.js";
import { silentLogger } from "../../src/base/logger.js";
import type { MapPage, MapStatistics } from "../../src/base/map-backend.js";
import { mapMethods } from "../../src/proto/methods.js";
import { mapService } from "../../src/replica/map-service.js";
import { UnaryReads } from "../../src/replica/unary-reads.js";
import { GrpcChannel } from "../../src/rpc/grpc-channel.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";
import { GetManyRequestSchema, GetRequestSchema } from "../gen/bigmap/v1/map_service_pb.js";
import { FakeBackend, fakeSettings } from "./fake-backend.js";

const calls = 100;
const value = Buffer.alloc(limits.valueMaxBytes, 7);

test(
  "of a reader that takes nothing few answers are read; others are served; and all come once it reads",
  { timeout: 60_000 },
  async (t) => {
    const { backend, reads, channel, session } = await serverWithValue(t);
    const held = Array.from({ length: calls }, () => get(session, "large"));
    await backend.arrived(1 + 16);
    for (let i = 0; i < 30; i++) assert.equal((await smallGet(channel, "large")).value.length, value.length);
    const ofHeld = backend.submissions.filter(({ batch }) => batch.count === 1).length - 1 - 30;
    assert.equal(ofHeld, 16);
    assert.ok(reads.bytes < 17 * limits.valueMaxBytes, `${reads.bytes} bytes`);
    const answers = await Promise.all(held.map((stream) => answerOf(stream)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set(["0"]));
    assert.ok(answers.every(({ bytes }) => bytes > value.length));
    await nothingHeld(reads);
  },
);

test("calls that are cancelled and connections that are lost give back what they held", { timeout: 60_000 }, async (t) => {
  const { backend, reads, session, address } = await serverWithValue(t);
  const cancelled = Array.from({ length: calls }, () => get(session, "large"));
  const lost = connect(`http://${address}`);
  lost.on("error", () => undefined);
  for (let i = 0; i < calls; i++) getMany(lost, ["large", "large", "large"]);
  await backend.arrived(1 + 16 + 3);
  assert.ok(reads.waiting > 0);
  for (const stream of cancelled) stream.close(8);
  lost.destroy();
  await nothingHeld(reads);
});

test("small answers, and calls that ended before they began, hold nothing", { timeout: 60_000 }, async (t) => {
  const { backend, reads, channel, session } = await serverWithValue(t);
  await Promise.all(Array.from({ length: calls }, () => smallGet(channel, "none")));
  const before = backend.submissions.length;
  for (let i = 0; i < calls; i++) {
    // The beginning of a second message that is too large ends the call with an error; its end then still reaches the handler.
    const stream = open(session, "Get");
    stream.write(framed(toBinary(GetRequestSchema, create(GetRequestSchema, { map: "m", key: Buffer.from("large") }))));
    const announced = Buffer.alloc(5);
    announced.writeUInt32BE(2 ** 32 - 1, 1);
    stream.end(announced);
    assert.equal((await answerOf(stream)).status, "8");
  }
  await smallGet(channel, "none");
  t.diagnostic(`${backend.submissions.length - before - 1} of ${calls} reached the handler`);
  await nothingHeld(reads);
});

test("a server stops while a reader takes nothing", { timeout: 60_000 }, async (t) => {
  const { backend, reads, session, server } = await serverWithValue(t);
  for (let i = 0; i < calls; i++) get(session, "large");
  await backend.arrived(1 + 16);
  await server.stop(60_000);
  assert.equal(reads.waiting, 0);
  await nothingHeld(reads);
});

test("pages of names are held as values are, and give back what they held", { timeout: 60_000 }, async (t) => {
  const { backend, reads, session, channel } = await serverWithValue(t, new NamesBackend());
  // Of a client that takes 64 KiB ahead; the large values fill its share first.
  const held = Array.from({ length: calls }, () => get(session, "large"));
  await backend.arrived(1 + 16);
  const waiting = reads.waiting;
  const list = open(session, "ListMaps");
  list.end(framed(Buffer.alloc(0)));
  while (reads.waiting === waiting) await new Promise((resolve) => setImmediate(resolve));
  const { maps } = await channel.unary(mapMethods.listMaps, { pageSize: 0, pageToken: undefined });
  assert.equal(maps.length, limits.listPageMaxMaps);
  const answers = await Promise.all([list, ...held].map((stream) => answerOf(stream)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set(["0"]));
  await nothingHeld(reads);
});

test("statistics are made once for all who ask at the same time", { timeout: 60_000 }, async (t) => {
  const backend = new NamesBackend();
  const { channel } = await serverWithValue(t, backend);
  const sets = await Promise.all(Array.from({ length: calls }, () => channel.unary(mapMethods.stats, { map: "m" })));
  assert.deepEqual(new Set(sets.map(({ entries }) => entries)), new Set([1]));
  assert.ok(backend.statistics < calls, `${backend.statistics} times for ${calls} callers`);
});

/** Many maps with long names. */
class NamesBackend extends FakeBackend {
  statistics = 0;

  override async listMaps(page: { readonly pageSize: number }): Promise<MapPage> {
    const maps = Array.from({ length: page.pageSize }, (_, i) => ({ map: `${i}`.padStart(255, "m"), mapId: i, settings: fakeSettings }));
    return { maps, nextPageToken: undefined };
  }

  override stats(): Promise<MapStatistics> {
    this.statistics++;
    return super.stats();
  }
}

interface Started {
  readonly backend: FakeBackend;
  readonly reads: UnaryReads;
  readonly channel: GrpcChannel;
  readonly session: ClientHttp2Session;
  readonly server: GrpcServer;
  readonly address: string;
}

async function serverWithValue(t: TestContext, backend = new FakeBackend()): Promise<Started> {
  const reads = new UnaryReads();
  const services = [mapService(backend, { clock: systemClock, sessions: new SessionCounter(), logger: silentLogger }, reads)];
  const server = await GrpcServer.listen({ listenAddress: "127.0.0.1:0", services, clock: systemClock, logger: silentLogger });
  const channel = new GrpcChannel(server.address, systemClock);
  const session = connect(`http://${server.address}`);
  session.on("error", () => undefined);
  t.after(async () => {
    session.destroy();
    channel.close();
    await server.stop(1_000);
  });
  await channel.unary(mapMethods.put, { map: "m", key: Buffer.from("large"), value, condition: undefined });
  return { backend, reads, channel, session, server, address: server.address };
}

function smallGet(channel: GrpcChannel, key: string): Promise<{ readonly value: Uint8Array }> {
  return channel.unary(mapMethods.get, { map: "m", key: Buffer.from(key), omitValue: false });
}

/** Nobody reads the stream yet. */
function open(session: ClientHttp2Session, method: string): ClientHttp2Stream {
  const path = `/bigmap.v1.MapService/${method}`;
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
  stream.on("error", () => undefined);
  return stream;
}

function get(session: ClientHttp2Session, key: string): ClientHttp2Stream {
  const stream = open(session, "Get");
  stream.end(framed(toBinary(GetRequestSchema, create(GetRequestSchema, { map: "m", key: Buffer.from(key) }))));
  return stream;
}

function getMany(session: ClientHttp2Session, keys: readonly string[]): void {
  const request = create(GetManyRequestSchema, { map: "m", keys: keys.map((key) => Buffer.from(key)) });
  open(session, "GetMany").end(framed(toBinary(GetManyRequestSchema, request)));
}

async function answerOf(stream: ClientHttp2Stream): Promise<{ readonly status: unknown; readonly bytes: number }> {
  let status: unknown;
  let bytes = 0;
  for (const event of ["response", "trailers"]) {
    stream.on(event, (fields: Readonly<Record<string, unknown>>) => (status = fields["grpc-status"] ?? status));
  }
  stream.on("data", (part: Buffer) => (bytes += part.length));
  await once(stream, "close");
  return { status, bytes };
}

function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Resolves when nothing counts any longer. */
async function nothingHeld(reads: UnaryReads): Promise<void> {
  while (reads.bytes > 0 || reads.waiting > 0 || reads.connections > 0) await new Promise((resolve) => setImmediate(resolve));
}
