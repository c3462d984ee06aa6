import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { Metadata, status, type ServiceError } from "@grpc/grpc-js";
import { emptyBytes } from "../../src/base/bytes.js";
import { systemClock } from "../../src/base/clock.js";
import { BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import { encodePipeRequest } from "../../src/proto/pipe-request-codec.js";
import { mapMethods } from "../../src/proto/methods.js";
import { failureOf, GrpcChannel } from "../../src/rpc/grpc-channel.js";
import { resetStream } from "../../src/rpc/call-stream.js";
import { fromGrpcStatus, toGrpcStatus } from "../../src/rpc/grpc-status.js";
import { PageClient } from "../../src/rpc/page-client.js";
import { gets } from "./pipe-fixture.js";

const scan = { map: "m", prefix: emptyBytes, limit: 0, cursor: undefined, keysOnly: false, singlePage: true, noForward: false };

/** A message of which a client cannot have taken all when its stream is reset. */
const answer = Buffer.alloc(5 + 2 * limits.receiveWindowBytes);
answer.writeUInt32BE(answer.length - 5, 1);

describe("a call that is reset because its reader is slow", () => {
  let server: Http2Server;
  let channel: GrpcChannel;

  before(async () => {
    server = createServer();
    server.on("stream", (stream) => {
      stream.on("error", () => undefined);
      stream.once("data", () => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.write(answer);
        setImmediate(() => resetStream({ call: { stream } }));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    channel = new GrpcChannel(`127.0.0.1:${(server.address() as AddressInfo).port}`, systemClock);
  });

  after(() => {
    channel.close();
    server.close();
  });

  const overloaded = { code: "OVERLOADED", retry: "transient" };

  test("is OVERLOADED: a page, a stream, a pipe, a unary read", async () => {
    await assert.rejects(new PageClient(channel, systemClock).page(scan, {}), overloaded);
    await assert.rejects(channel.serverStream(mapMethods.scan, scan).next(), overloaded);
    await assert.rejects(channel.unary(mapMethods.get, { map: "m", key: Buffer.from("k"), omitValue: false }), overloaded);
    const pipe = channel.openPipe(mapMethods.pipe);
    pipe.write(encodePipeRequest(gets(["key"]), 1, 0));
    const [error] = (await once(pipe, "error")) as [ServiceError];
    assert.deepEqual([failureOf(error).code, failureOf(error).retry], ["OVERLOADED", "transient"]);
  });

  test("is OUTCOME_UNKNOWN where it is an update, which was applied before its answer was cut off", async () => {
    const put = { map: "m", key: Buffer.from("k"), value: Buffer.from("v"), condition: undefined };
    await assert.rejects(channel.unary(mapMethods.put, put), (error: BigMapError) => {
      assert.equal((error.cause as BigMapError).code, "OVERLOADED");
      return error.code === "OUTCOME_UNKNOWN";
    });
  });
});

describe("the status of a failed call", () => {
  test("carries our error, whatever its code says by itself", () => {
    for (const code of ["OVERLOADED", "RESULT_TOO_LARGE", "DISK_FULL"] as const) {
      assert.equal(fromGrpcStatus(toGrpcStatus(new BigMapError(code, "A message"))).code, code);
    }
  });

  test("of a message over the limits of gRPC's library is BATCH_TOO_LARGE", () => {
    for (const details of [
      "Received message larger than max (20000000 vs 16777216)",
      "Sent message larger than max (20000000 vs. 16777216)",
      "Attempted to send message with a size larger than 16777216",
      "Received message that decompresses to a size larger than 16777216",
    ]) {
      const error = fromGrpcStatus({ code: status.RESOURCE_EXHAUSTED, details, metadata: new Metadata() });
      assert.deepEqual([error.code, error.retry], ["BATCH_TOO_LARGE", "permanent"]);
    }
  });
});
