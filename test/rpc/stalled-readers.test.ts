import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { after, before, describe, test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { silentLogger } from "../../src/base/logger.js";
import type { ScanPage } from "../../src/base/scan-page.js";
import { emptyBytes } from "../../src/base/bytes.js";
import { pagesRequestCodec, type PageRequest } from "../../src/proto/pages-codec.js";
import { encodePipeRequest } from "../../src/proto/pipe-request-codec.js";
import { mapMethods } from "../../src/proto/methods.js";
import { mapService } from "../../src/replica/map-service.js";
import { UnaryReads } from "../../src/replica/unary-reads.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";
import { ManualClock } from "../client/manual-clock.js";
import { pageOf } from "../base/scan-entries.js";
import { FakeBackend } from "./fake-backend.js";
import { gets, puts } from "./pipe-fixture.js";

/** More than the road to the client holds by itself. */
const roadBytes = 64 * 2 ** 20;

/** What a client of Node takes of a stream without being read. */
const windowBytes = 65_535;

/** Pages of 1 MiB without end. */
class EndlessBackend extends FakeBackend {
  override async scanPage(): Promise<ScanPage> {
    return pageOf([{ key: Buffer.from("k"), value: Buffer.alloc(limits.scanPageMaxBytes), version: 1 }], Uint8Array.of(1));
  }
}

/** Clients that speak HTTP/2 and read nothing. */
describe("a call of which nothing is read", () => {
  const clock = new ManualClock();
  let server: GrpcServer;
  let session: ClientHttp2Session;
  const reads = new UnaryReads();

  before(async () => {
    const ports = { clock, sessions: new SessionCounter(), logger: silentLogger };
    const service = mapService(new EndlessBackend(), ports, reads);
    server = await GrpcServer.listen({ listenAddress: "127.0.0.1:0", services: [service], clock, logger: silentLogger });
    session = connect(`http://${server.address}`);
  });

  after(async () => {
    session.destroy();
    const stopped = server.stop(1_000);
    clock.advance(10_000);
    await stopped;
  });

  function call(path: string, ...messages: readonly Uint8Array[]): ClientHttp2Stream {
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request(headers, { endStream: false });
    for (const message of messages) stream.write(framed(message));
    return stream;
  }

  /** Time passes until the call has ended, and the connection pings meanwhile; its code of HTTP/2. */
  async function endOf(stream: ClientHttp2Stream): Promise<number | undefined> {
    let isClosed = false;
    stream.once("close", () => (isClosed = true));
    stream.on("error", () => undefined);
    while (!isClosed) {
      await new Promise((resolve) => setImmediate(resolve));
      session.ping(() => undefined);
      clock.advance(limits.streamStallMostMs);
    }
    return stream.rstCode;
  }

  test("a scan is cut off, and what was written for it is not kept", async () => {
    const request = { map: "m", prefix: emptyBytes, limit: 0, cursor: undefined, keysOnly: false, singlePage: false, noForward: false };
    const stream = call(mapMethods.scan.path, mapMethods.scan.request.encode(request));
    stream.end();
    await once(stream, "response");
    assert.equal(await endOf(stream), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });

  test("so is a stream of pages", async () => {
    const stream = call(mapMethods.pages.path, pagesRequestCodec.encode(manyPages()));
    await once(stream, "response");
    assert.equal(await endOf(stream), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });

  test("so is a stream of pages that has failed, and its error waits behind what was written", async () => {
    const stream = call(mapMethods.pages.path, pagesRequestCodec.encode(manyPages()));
    await once(stream, "response");
    // The window of the client is full: the next pages are written and wait.
    while ((stream.state.localWindowSize ?? 0) > 0 && stream.readableLength < 16_384) await new Promise((resolve) => setImmediate(resolve));
    stream.write(framed(Buffer.of(0xff)));
    assert.equal(await endOf(stream), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });

  test("so is a pipe", async () => {
    const value = { key: Buffer.alloc(limits.valueMaxBytes) };
    const asked = Array.from({ length: roadBytes / limits.valueMaxBytes }, (_, i) => encodePipeRequest(gets(["key"]), i + 2, 0));
    const stream = call("/bigmap.v1.MapService/Pipe", encodePipeRequest(puts(value), 1, 0), ...asked);
    await once(stream, "response");
    assert.equal(await endOf(stream), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });

  test("so are unary answers, and what they held of the bound comes free", async () => {
    await storeLargeValue();
    const streams = Array.from({ length: 8 }, () => getLarge());
    await Promise.all(streams.map((stream) => once(stream, "response")));
    assert.ok(reads.bytes >= streams.length * limits.valueMaxBytes, `${reads.bytes} bytes`);
    const codes = await Promise.all(streams.map((stream) => endOf(stream)));
    assert.deepEqual(new Set(codes), new Set([constants.NGHTTP2_ENHANCE_YOUR_CALM]));
    while (reads.bytes > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test("but not those of a connection that takes a little now and then, in whatever order", async () => {
    await storeLargeValue();
    const streams = Array.from({ length: 4 }, () => getLarge());
    await Promise.all(streams.map((stream) => once(stream, "response")));
    let seenBytes = session.socket.bytesRead;
    let looks = 0;
    for (const stream of streams) {
      let bytes = 0;
      stream.on("data", (part: Buffer) => {
        bytes += part.length;
        // More than can have been on the road before, thus some of it was sent since.
        if (session.socket.bytesRead - seenBytes < (streams.length + 1) * windowBytes) return;
        seenBytes = session.socket.bytesRead;
        looks++;
        clock.advance(limits.streamStallMostMs);
      });
      await once(stream, "end");
      assert.ok(bytes > limits.valueMaxBytes, `${bytes} bytes`);
    }
    assert.ok(looks > 2 * streams.length, `${looks} looks`);
  });

  function manyPages(): PageRequest[] {
    const scan = { map: "m", prefix: emptyBytes, limit: 0, cursor: undefined, keysOnly: false, singlePage: true, noForward: false };
    return Array.from({ length: roadBytes / limits.scanPageMaxBytes }, (_, i) => ({ pageId: i + 1, scan }));
  }

  async function storeLargeValue(): Promise<void> {
    const request = { map: "m", key: Buffer.from("large"), value: Buffer.alloc(limits.valueMaxBytes), condition: undefined };
    const stream = call(mapMethods.put.path, mapMethods.put.request.encode(request));
    stream.end();
    stream.resume();
    await once(stream, "close");
  }

  function getLarge(): ClientHttp2Stream {
    const request = { map: "m", key: Buffer.from("large"), omitValue: false };
    const stream = call(mapMethods.get.path, mapMethods.get.request.encode(request));
    stream.end();
    return stream;
  }
});

/** As a message of gRPC: not compressed, and its length. */
function framed(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}
