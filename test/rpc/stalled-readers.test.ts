import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { after, before, describe, test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { silentLogger } from "../../src/base/logger.js";
import type { ScanPage } from "../../src/base/scan-page.js";
import { emptyBytes } from "../../src/base/bytes.js";
import { pagesRequestCodec } from "../../src/proto/pages-codec.js";
import { encodePipeRequest } from "../../src/proto/pipe-request-codec.js";
import { mapMethods } from "../../src/proto/methods.js";
import { mapService } from "../../src/replica/map-service.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";
import { ManualClock } from "../client/manual-clock.js";
import { pageOf } from "../base/scan-entries.js";
import { FakeBackend } from "./fake-backend.js";
import { gets, puts } from "./pipe-fixture.js";

/** More than the road to the client holds by itself. */
const roadBytes = 64 * 2 ** 20;

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

  before(async () => {
    const ports = { clock, sessions: new SessionCounter(), logger: silentLogger };
    const service = mapService(new EndlessBackend(), ports);
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

  /** Time passes until the call has ended; its code of HTTP/2. */
  async function endOf(stream: ClientHttp2Stream): Promise<number | undefined> {
    let isClosed = false;
    stream.once("close", () => (isClosed = true));
    stream.on("error", () => undefined);
    while (!isClosed) {
      await new Promise((resolve) => setImmediate(resolve));
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
    const scan = { map: "m", prefix: emptyBytes, limit: 0, cursor: undefined, keysOnly: false, singlePage: true, noForward: false };
    const asked = Array.from({ length: roadBytes / limits.scanPageMaxBytes }, (_, i) => ({ pageId: i + 1, scan }));
    const stream = call(mapMethods.pages.path, pagesRequestCodec.encode(asked));
    await once(stream, "response");
    assert.equal(await endOf(stream), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });

  test("so is a pipe", async () => {
    const value = { key: Buffer.alloc(limits.valueMaxBytes) };
    const asked = Array.from({ length: roadBytes / limits.valueMaxBytes }, (_, i) => encodePipeRequest(gets(["key"]), i + 2, 0));
    const stream = call("/bigmap.v1.MapService/Pipe", encodePipeRequest(puts(value), 1, 0), ...asked);
    await once(stream, "response");
    assert.equal(await endOf(stream), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });
});

/** As a message of gRPC: not compressed, and its length. */
function framed(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}
