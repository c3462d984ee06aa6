/** Messages of which a part comes, and the rest does not. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import type { ServerInterceptingCallInterface, ServerMethodDefinition } from "@grpc/grpc-js";
import { limits } from "../../src/base/limits.js";
import { silentLogger } from "../../src/base/logger.js";
import { mapMethods } from "../../src/proto/methods.js";
import { mapService } from "../../src/replica/map-service.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import { PartialMessages } from "../../src/rpc/partial-messages.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";
import { ManualClock } from "../client/manual-clock.js";
import { FakeBackend } from "./fake-backend.js";

const lookMs = 1_000;

describe("a call of whose message no more comes", () => {
  const clock = new ManualClock();
  let server: GrpcServer;
  let session: ClientHttp2Session;

  before(async () => {
    const service = mapService(new FakeBackend(), { clock, sessions: new SessionCounter(), logger: silentLogger });
    server = await GrpcServer.listen({ listenAddress: "127.0.0.1:0", services: [service], clock, logger: silentLogger });
    session = connect(`http://${server.address}`);
    await once(session, "connect");
  });

  after(async () => {
    session.destroy();
    const stopped = server.stop(1_000);
    clock.advance(10_000);
    await stopped;
  });

  const put = mapMethods.put.request.encode({ map: "m", key: Buffer.from("k"), value: Buffer.alloc(100_000), condition: undefined });
  const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 0]), put]);
  message.writeUInt32BE(put.length, 1);

  function call(path: string, part: Uint8Array): ClientHttp2Stream {
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request(headers, { endStream: false });
    stream.on("error", () => undefined);
    stream.resume();
    if (part.length > 0) stream.write(part);
    return stream;
  }

  /** What was sent has been seen, and time passes. */
  async function pass(ms: number): Promise<void> {
    await promisify(session.ping.bind(session))();
    clock.advance(ms);
    await promisify(session.ping.bind(session))();
  }

  for (const [name, path] of Object.entries({
    "a unary call": mapMethods.put.path,
    "a scan": mapMethods.scan.path,
    "a pipe": mapMethods.pipe.path,
    "a stream of pages": mapMethods.pages.path,
    "a look at the health": "/grpc.health.v1.Health/Check",
  })) {
    for (const partBytes of [1, 5, 70_000]) {
      test(`${name}, after ${partBytes} bytes, is cut off`, async () => {
        const stream = call(path, message.subarray(0, partBytes));
        await pass(0);
        for (let ms = 0; ms <= limits.streamStallMostMs; ms += lookMs) await pass(lookMs);
        if (!stream.closed) await once(stream, "close");
        assert.equal(stream.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
      });
    }
  }

  for (const [name, path] of Object.entries({ "a unary call": mapMethods.put.path, "a scan": mapMethods.scan.path })) {
    test(`${name}, whose message is whole and whose end does not come, is cut off`, async () => {
      const stream = call(path, message);
      await pass(0);
      for (let ms = 0; ms <= limits.streamStallMostMs; ms += lookMs) await pass(lookMs);
      if (!stream.closed) await once(stream, "close");
      assert.equal(stream.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
  }

  test("a unary call of which nothing comes is cut off, a pipe may stay silent", async () => {
    const unary = call(mapMethods.put.path, Buffer.alloc(0));
    const pipe = call(mapMethods.pipe.path, Buffer.alloc(0));
    for (let ms = 0; ms <= 3 * limits.streamStallMostMs; ms += lookMs) await pass(lookMs);
    assert.equal(unary.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    assert.equal(pipe.closed, false);
    pipe.close();
    await once(pipe, "close");
  });

  test("one that comes slowly is answered", async () => {
    const stream = call(mapMethods.put.path, message.subarray(0, 1));
    const parts = 4;
    for (let part = 0; part < parts; part++) {
      await pass(0.9 * limits.streamStallMostMs);
      stream.write(message.subarray(1 + ((message.length - 1) * part) / parts, 1 + ((message.length - 1) * (part + 1)) / parts));
    }
    stream.end();
    const [trailers] = (await once(stream, "trailers")) as [Record<string, string>];
    assert.equal(trailers["grpc-status"], "0");
  });
});

/** A call as the library hands it to an interceptor; as much of it as is looked at. */
class FakeCall {
  readonly stream = Object.assign(new EventEmitter(), {
    paused: false,
    isPaused: (): boolean => this.stream.paused,
    close: (code: number): void => void (this.code = code),
    destroy: (): void => void this.stream.emit("close"),
  });
  readonly decoder = {
    readState: 0,
    readPartialMessage: [] as Buffer[],
    readMessageRemaining: 0,
    readCompressFlag: Buffer.alloc(1),
    write: (data: Buffer): Buffer[] => {
      this.decoder.readState = 2;
      this.decoder.readPartialMessage.push(data);
      this.decoder.readMessageRemaining -= data.length;
      if (this.decoder.readMessageRemaining > 0) return [];
      this.decoder.readState = 0;
      return this.decoder.readPartialMessage.splice(0);
    },
  };
  code: number | undefined;

  constructor(watch: PartialMessages, requestStream = true) {
    watch.interceptor({ requestStream } as ServerMethodDefinition<unknown, unknown>, this as unknown as ServerInterceptingCallInterface);
  }

  begin(messageBytes: number): this {
    this.decoder.readMessageRemaining = messageBytes;
    return this;
  }

  send(bytes: number, ofReadBytes = bytes): this {
    this.decoder.readCompressFlag = Buffer.alloc(ofReadBytes).subarray(0, 1);
    this.decoder.write(Buffer.alloc(ofReadBytes).subarray(0, bytes));
    return this;
  }
}

const cutOff = constants.NGHTTP2_ENHANCE_YOUR_CALM;
const mib = 2 ** 20;
const partBytes = limits.messageMaxBytes - mib;
const partsOfTarget = Math.floor(limits.partialMessagesTargetBytes / partBytes);

describe("many calls of whose messages a part has come", () => {
  const codes = (calls: readonly FakeCall[]): (number | undefined)[] => calls.map((call) => call.code);

  test("past the target those that hardly come on are cut off, the oldest first", () => {
    const clock = new ManualClock();
    const watch = new PartialMessages(clock);
    const calls = Array.from({ length: partsOfTarget + 2 }, () => new FakeCall(watch).begin(limits.messageMaxBytes).send(partBytes));
    clock.advance(lookMs);
    assert.deepEqual(codes(calls), Array(calls.length).fill(undefined), "none is old yet");
    clock.advance(limits.partialMessageCrowdedMs);
    assert.deepEqual(codes(calls), [cutOff, cutOff, ...Array<undefined>(partsOfTarget)]);
    assert.ok(watch.heldBytes <= limits.partialMessagesTargetBytes, `${watch.heldBytes} bytes`);
  });

  test("past the target one whose next message is young is left", () => {
    const clock = new ManualClock();
    const watch = new PartialMessages(clock);
    const young = new FakeCall(watch).begin(limits.messageMaxBytes).send(partBytes);
    const old = Array.from({ length: partsOfTarget + 1 }, () => new FakeCall(watch).begin(limits.messageMaxBytes).send(partBytes));
    clock.advance(limits.partialMessageCrowdedMs - 1);
    young.send(mib);
    young.begin(limits.messageMaxBytes).send(partBytes);
    clock.advance(lookMs);
    assert.deepEqual(codes([young, ...old]), [undefined, cutOff, cutOff, ...Array<undefined>(partsOfTarget - 1)]);
  });

  test("past the target those that come on are left, so that they end", () => {
    const clock = new ManualClock();
    const watch = new PartialMessages(clock);
    const calls = Array.from({ length: partsOfTarget + 2 }, () => new FakeCall(watch).begin(limits.messageMaxBytes).send(partBytes));
    for (let ms = 0; ms < 5 * limits.partialMessageCrowdedMs; ms += lookMs) {
      for (const call of calls) call.send(limits.partialMessageCrowdedBytes);
      clock.advance(lookMs);
    }
    assert.deepEqual(codes(calls), Array(calls.length).fill(undefined));
  });

  test("past the most the youngest of the larger ones is cut off at once", () => {
    const watch = new PartialMessages(new ManualClock());
    const most = Math.floor(limits.partialMessagesMaxBytes / partBytes);
    const calls = Array.from({ length: most }, () => new FakeCall(watch).begin(limits.messageMaxBytes).send(partBytes));
    const small = new FakeCall(watch).begin(mib).send(1);
    calls.push(new FakeCall(watch).begin(limits.messageMaxBytes).send(partBytes));
    assert.deepEqual(codes([...calls, small]), [...Array<undefined>(most), cutOff, undefined]);
    assert.ok(watch.heldBytes <= limits.partialMessagesMaxBytes, `${watch.heldBytes} bytes`);
  });

  test("what is whole of a call that sends but one message is held, twice, until the call's end comes", () => {
    const clock = new ManualClock();
    const watch = new PartialMessages(clock);
    const [ended, open] = [new FakeCall(watch, false), new FakeCall(watch, false)];
    for (const call of [ended, open]) call.begin(mib).send(mib);
    assert.ok(watch.heldBytes >= 4 * mib, `${watch.heldBytes} bytes`);
    ended.stream.emit("end");
    assert.ok(watch.heldBytes >= 2 * mib && watch.heldBytes < 3 * mib, `${watch.heldBytes} bytes`);
    clock.advance(limits.streamStallMostMs + 2 * lookMs);
    assert.deepEqual(codes([ended, open]), [undefined, cutOff]);
    assert.equal(watch.heldBytes, 0);
  });

  test("one that the server does not read is left alone, however long that is", () => {
    const clock = new ManualClock();
    const watch = new PartialMessages(clock);
    const paused = new FakeCall(watch).begin(mib).send(1);
    paused.stream.paused = true;
    clock.advance(2 * limits.streamStallMostMs);
    assert.equal(paused.code, undefined);
    paused.stream.paused = false;
    clock.advance(limits.streamStallMostMs - lookMs);
    assert.equal(paused.code, undefined);
    clock.advance(2 * lookMs);
    assert.equal(paused.code, cutOff);
  });

  test("slices of one byte count for what they cost", () => {
    const watch = new PartialMessages(new ManualClock());
    const call = new FakeCall(watch).begin(mib);
    for (let i = 0; i < 1_000; i++) call.send(1);
    assert.ok(watch.heldBytes > 100_000, `${watch.heldBytes} bytes`);
  });

  test("what is held pins nothing else of what was read, and counts for what it is", () => {
    const watch = new PartialMessages(new ManualClock());
    const call = new FakeCall(watch).begin(2 * mib);
    const readBytes = 65_536;
    for (let i = 0; i < 100; i++) call.send(1 + (i % 2) * (readBytes / 4), readBytes);
    const { readPartialMessage, readCompressFlag } = call.decoder;
    const sentBytes = readPartialMessage.reduce((sum, { length }) => sum + length, 0);
    assert.equal(sentBytes, 100 + 50 * (readBytes / 4));
    for (const slice of readPartialMessage) assert.equal(slice.buffer.byteLength, slice.length);
    assert.ok(readCompressFlag.buffer.byteLength < readBytes);
    assert.ok(watch.heldBytes >= sentBytes && watch.heldBytes < 1.1 * sentBytes, `${watch.heldBytes} bytes`);
  });

  test("what is whole, or has ended, is not held, and nothing is looked at", () => {
    const clock = new ManualClock();
    const watch = new PartialMessages(clock);
    const [whole, unary, ended] = [new FakeCall(watch), new FakeCall(watch, false), new FakeCall(watch)];
    whole.begin(100).send(60).send(40);
    unary.begin(100).send(100).stream.emit("end");
    ended.begin(100).send(60).stream.emit("close");
    assert.equal(watch.heldBytes, 0);
    clock.advance(10 * limits.streamStallMostMs);
    assert.deepEqual(codes([whole, unary, ended]), [undefined, undefined, undefined]);
  });
});
