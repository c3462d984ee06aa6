/** Bytes that are no gRPC, messages that are no protobuf, messages that are too large, and clients that vanish. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { connect as connectSocket } from "node:net";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { bytes, limits, tokenOf } from "../../src/index.js";
import { seededRandom, type Random } from "../../src/base/random.js";
import { PipeRequestSchema, PutRequestSchema, ScanRequestSchema } from "../gen/bigmap/v1/map_service_pb.js";
import { batchOf, operation } from "./bad-input.js";
import { codeOfCall } from "./roads.js";
import { knownKey, knownMap, ServerUnderTest } from "./server-under-test.js";

const http2Preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const grpcStatus = { ok: "0", invalidArgument: "3", deadlineExceeded: "4", resourceExhausted: "8", unimplemented: "12", internal: "13" };
const rounds = 12;

describe("hostile connections", () => {
  let server: ServerUnderTest;
  let session: ClientHttp2Session;
  before(async () => {
    server = await ServerUnderTest.start();
    session = connectHttp2(`http://${server.address}`);
  });
  after(async () => {
    session.destroy();
    await server.stop();
  });

  const randomBytes = bytesFrom(seededRandom(20_201));

  test("random bytes on the port, with and without the beginning of HTTP/2, are cut off and change nothing", async () => {
    for (let round = 0; round < rounds; round++) {
      const noise = randomBytes(1 + round * 401);
      await sendAndWait(server.address, round % 2 === 0 ? noise : Buffer.concat([http2Preface, noise]));
    }
    await server.assertUnharmed();
  });

  test("connections that say nothing, or half a frame, keep nobody from being served", async () => {
    const silent = Array.from({ length: 20 }, (_, i) => {
      const socket = connectTo(server.address);
      if (i % 2 === 0) socket.write(http2Preface.subarray(0, 1 + i));
      return socket;
    });
    await Promise.all(silent.map((socket) => once(socket, "connect")));
    await server.assertUnharmed();
    for (const socket of silent) socket.destroy();
  });

  test("a message that is no protobuf is FRAME_INVALID, for every call", async () => {
    const methods = ["CreateMap", "ListMaps", "DropMap", "Clear", "Get", "Put", "Delete", "GetMany", "Write", "Scan", "Stats", "Pipe"];
    const malformed = [Buffer.from("0aff", "hex"), Buffer.from("0f", "hex"), Buffer.from("08ffffffffffffffffffffff", "hex")];
    for (const method of methods) {
      for (const message of malformed) {
        const { status, code } = await call(session, `/bigmap.v1.MapService/${method}`, [framed(message)]);
        assert.deepEqual([status, code], [grpcStatus.invalidArgument, "FRAME_INVALID"], `${method} ${message.toString("hex")}`);
      }
    }
    await server.assertUnharmed();
  });

  test("random messages get a typed answer and change nothing", async () => {
    const typed: readonly string[] = ["FRAME_INVALID", "MAP_NAME_INVALID", "MAP_NOT_FOUND", "CANISTER_NOT_FOUND", "KEY_EMPTY"];
    const methods = [
      "MapService/Put",
      "MapService/Write",
      "MapService/DropMap",
      "RouterService/SplitCanister",
      "ReplicaService/DeleteCanister",
    ];
    for (let round = 0; round < rounds * methods.length; round++) {
      const path = `/bigmap.v1.${methods[round % methods.length] ?? ""}`;
      const { status, code } = await call(session, path, [framed(randomBytes(2 + (round % 29)))]);
      assert.ok(status === grpcStatus.ok || typed.includes(code ?? ""), `${path}: status ${status}, code ${code}`);
    }
    await server.assertUnharmed();
  });

  test("a batch behind a malformed frame is not begun, and the one before it is answered", async () => {
    const good = toBinary(
      PipeRequestSchema,
      create(PipeRequestSchema, batchOf(knownMap, [[operation.get, Buffer.from(knownKey)]], Buffer.alloc(0))),
    );
    const late = batchOf(knownMap, [[operation.put, Buffer.from("late")]], Buffer.from("v"), { batchId: 2n });
    const frames = [good, Buffer.from("0aff", "hex"), toBinary(PipeRequestSchema, create(PipeRequestSchema, late))];
    const { status, code, bytes: answered } = await call(session, "/bigmap.v1.MapService/Pipe", frames.map(framed));
    assert.deepEqual([status, code], [grpcStatus.invalidArgument, "FRAME_INVALID"]);
    assert.ok(answered.includes("value 7"));
    await server.assertUnharmed();
  });

  test("an empty batch is no error", async () => {
    const empty = toBinary(PipeRequestSchema, create(PipeRequestSchema, { batchId: 1n, map: knownMap }));
    assert.equal((await call(session, "/bigmap.v1.MapService/Pipe", [framed(empty)])).status, grpcStatus.ok);
    assert.deepEqual((await server.maps.write({ map: knownMap, updates: [] })).results, []);
    assert.deepEqual((await server.maps.getMany({ map: knownMap, keys: [] })).results, []);
    await server.assertUnharmed();
  });

  test("a call that nobody offers is unimplemented", async () => {
    for (const path of ["/bigmap.v1.MapService/Fly", "/bigmap.v9.MapService/Get", "/", "/../../etc"]) {
      assert.equal((await call(session, path, [framed(Buffer.alloc(0))])).status, grpcStatus.unimplemented, path);
    }
    await server.assertUnharmed();
  });

  test("a message over the limit is refused, whether it is sent or only announced, and so is every one that is packed small", async () => {
    const tooLarge = server.maps.put({ map: knownMap, key: Buffer.from("k"), value: Buffer.alloc(limits.messageMaxBytes + 1) });
    // The refusal may overtake its own trailers: the rest of the message then meets a closed stream, and HTTP/2 says so.
    assert.match(await codeOfCall(tooLarge), /^(ResourceExhausted|Internal)/);
    const announced = Buffer.alloc(5);
    announced.writeUInt32BE(2 ** 32 - 1, 1);
    assert.equal((await call(session, "/bigmap.v1.MapService/Put", [announced])).status, grpcStatus.resourceExhausted);
    const packed = framed(gzipSync(Buffer.alloc(limits.messageMaxBytes + 1)));
    packed[0] = 1;
    const { status } = await call(session, "/bigmap.v1.MapService/Put", [packed], { "grpc-encoding": "gzip" });
    assert.equal(status, grpcStatus.unimplemented);
    await server.assertUnharmed();
  });

  test("a call whose deadline has passed when it comes does nothing", async () => {
    const put = toBinary(PutRequestSchema, create(PutRequestSchema, { map: knownMap, key: Buffer.from("late"), value: Buffer.from("v") }));
    const { status } = await call(session, "/bigmap.v1.MapService/Put", [framed(put)], { "grpc-timeout": "0m" });
    assert.equal(status, grpcStatus.deadlineExceeded);
    await server.assertUnharmed();
  });

  test("clients that vanish in the middle of pipes, scans and watches leave nothing half done", async () => {
    const before = await server.client.map(knownMap).stats();
    for (let round = 0; round < rounds; round++) {
      const vanishing = connectHttp2(`http://${server.address}`);
      vanishing.on("error", () => undefined);
      const keys = vanishingKeys(round).map((key) => [operation.put, key] as const);
      const batch = toBinary(
        PipeRequestSchema,
        create(PipeRequestSchema, batchOf(knownMap, keys, Buffer.alloc(1_000), { atomic: round % 2 === 0 })),
      );
      const scan = toBinary(ScanRequestSchema, create(ScanRequestSchema, { map: knownMap }));
      const pipe = open(vanishing, "/bigmap.v1.MapService/Pipe");
      const watch = open(vanishing, "/bigmap.v1.RouterService/WatchRing");
      const reader = open(vanishing, "/bigmap.v1.MapService/Scan");
      for (const stream of [pipe, watch, reader]) stream.on("error", () => undefined);
      watch.end(framed(Buffer.concat([Buffer.from([0x0a, knownMap.length]), Buffer.from(knownMap)])));
      reader.end(framed(scan));
      // Sometimes half of the message is all that ever comes.
      const whole = framed(batch);
      pipe.write(round % 3 === 0 ? whole.subarray(0, whole.length / 2) : whole);
      if (round % 3 === 1) await once(watch, "response");
      vanishing.destroy();
    }
    await server.settled();
    await assertAtomic(server);
    const { entries } = await server.client.map(knownMap).stats();
    assert.ok(entries >= before.entries && entries <= before.entries + rounds * 50);
  });

  test("of two clients that write with one version exactly one wins, and of many that create exactly one", async () => {
    const map = server.client.map(knownMap);
    const other = server.maps;
    let version = await map.put("contended", Buffer.from("0"));
    for (let round = 0; round < rounds; round++) {
      const condition = { condition: { case: "ifVersion" as const, value: BigInt(version) } };
      const ours = codeOfCall(map.put("contended", Buffer.from("ours"), { ifVersion: version }));
      const theirs = codeOfCall(other.put({ map: knownMap, key: Buffer.from("contended"), value: Buffer.from("theirs"), condition }));
      assert.deepEqual([await ours, await theirs].sort(), ["CONDITION_FAILED", "no error"]);
      version = (await map.getEntry("contended"))?.version ?? 0;
    }
    const created = await Promise.all(Array.from({ length: 8 }, () => codeOfCall(server.maps.createMap({ map: "contended" }))));
    assert.deepEqual(created.sort(), [...Array.from({ length: 7 }, () => "MAP_EXISTS"), "no error"]);
    const dropped = await Promise.all(Array.from({ length: 4 }, () => codeOfCall(server.maps.dropMap({ map: "contended" }))));
    assert.deepEqual(dropped.sort(), [...Array.from({ length: 3 }, () => "MAP_NOT_FOUND"), "no error"]);
    await server.takeAsGiven();
  });
});

/** Of every even round's batch each canister has all or nothing. */
async function assertAtomic({ client }: ServerUnderTest): Promise<void> {
  const { ring } = await client.ring(knownMap);
  for (let round = 0; round < rounds; round += 2) {
    const keys = vanishingKeys(round);
    const present = await client.map(knownMap, { key: bytes }).getMany(keys);
    const places = keys.map((key) => ring.indexOf(tokenOf(key).high, tokenOf(key).low));
    for (const place of new Set(places)) {
      const applied = new Set(present.filter((_, i) => places[i] === place).map((value) => value !== undefined));
      assert.equal(applied.size, 1, `round ${round}, range ${place}`);
    }
  }
}

function vanishingKeys(round: number): Buffer[] {
  return Array.from({ length: 50 }, (_, i) => Buffer.from(`vanish-${round}-${i}`));
}

interface RawAnswer {
  readonly status: string | undefined;
  /** Of the ErrorDetail in the trailers. */
  readonly code: string | undefined;
  readonly bytes: Buffer;
}

function open(session: ClientHttp2Session, path: string, headers: Readonly<Record<string, string>> = {}): ClientHttp2Stream {
  return session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...headers });
}

/** Sends the frames as the whole of a call's messages, and waits for the end. */
async function call(
  session: ClientHttp2Session,
  path: string,
  frames: readonly Buffer[],
  headers?: Record<string, string>,
): Promise<RawAnswer> {
  const stream = open(session, path, headers);
  const parts: Buffer[] = [];
  let status: string | undefined;
  let code: string | undefined;
  const take = (fields: Readonly<Record<string, string | string[] | undefined>>): void => {
    status = (fields["grpc-status"] as string | undefined) ?? status;
    const details = fields["grpc-status-details-bin"];
    // The code is the first upper-case word with an underscore in the detail; no other field of it looks like that.
    if (typeof details === "string") code = /[A-Z]+(_[A-Z]+)+/.exec(Buffer.from(details, "base64").toString("latin1"))?.[0];
  };
  stream.on("response", (fields) => take(fields));
  stream.on("trailers", (fields) => take(fields as never));
  stream.on("data", (part: Buffer) => parts.push(part));
  stream.on("error", () => undefined);
  for (const frame of frames) stream.write(frame);
  stream.end();
  await once(stream, "close");
  return { status, code, bytes: Buffer.concat(parts) };
}

/** A gRPC message: not compressed, with its length before it. */
function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function connectTo(address: string): ReturnType<typeof connectSocket> {
  const colon = address.lastIndexOf(":");
  const socket = connectSocket(Number(address.slice(colon + 1)), address.slice(0, colon));
  socket.on("error", () => undefined);
  return socket;
}

/** Sends the bytes and ends; resolves when the connection is closed. */
async function sendAndWait(address: string, bytes: Uint8Array): Promise<void> {
  const socket = connectTo(address);
  socket.resume();
  socket.end(bytes);
  await once(socket, "close");
}

function bytesFrom(random: Random): (count: number) => Buffer {
  return (count) => Buffer.from(Array.from({ length: count }, () => random.below(256)));
}
