import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { connect, type ClientHttp2Session } from "node:http2";
import { describe, test } from "node:test";
import { Metadata, status, type StatusObject } from "@grpc/grpc-js";
import { limits } from "../../src/base/limits.js";
import { mapMethods } from "../../src/proto/methods.js";
import { PipeServer } from "../../src/rpc/pipe-server.js";
import type { PipeCall } from "../../src/rpc/service.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";
import { ManualClock } from "../client/manual-clock.js";
import { FakeTarget } from "./fake-target.js";
import { PipeFixture } from "./pipe-fixture.js";

/** A call of which nothing ever comes. */
class SilentCall extends EventEmitter {
  readonly metadata = new Metadata();
  error: StatusObject | undefined;

  constructor() {
    super();
    this.on("error", (error: StatusObject) => (this.error = error));
  }

  sendMetadata(): void {
    // Nobody looks.
  }
}

describe("what a client may open", () => {
  test("is so many pipes of a server; one more is OVERLOADED, until one has ended", () => {
    const pipes = new PipeServer({ target: new FakeTarget(), sessions: new SessionCounter(), clock: new ManualClock() });
    const open = (): SilentCall => {
      const call = new SilentCall();
      pipes.accept(call as unknown as PipeCall);
      return call;
    };
    const first = open();
    for (let i = 1; i < limits.pipesMost; i++) open();
    const refused = open();
    assert.equal(refused.error?.code, status.RESOURCE_EXHAUSTED);
    assert.equal(pipes.openPipes, limits.pipesMost);
    first.emit("cancelled");
    assert.equal(open().error, undefined);
  });

  test("is so many calls of a connection, and so much metadata of each", async (context) => {
    const fixture = await PipeFixture.start(context);
    const session = connect(`http://${fixture.server.address}`);
    context.after(() => session.destroy());
    const [settings] = (await once(session, "remoteSettings")) as [ClientHttp2Session["remoteSettings"]];
    assert.equal(settings.maxConcurrentStreams, limits.connectionCallsMost);
    assert.equal(settings.maxHeaderListSize, limits.callMetadataMaxBytes);
    const call = (metadataBytes: number) => {
      const headers = { ":method": "POST", ":path": mapMethods.pipe.path, "content-type": "application/grpc", te: "trailers" };
      return session.request({ ...headers, more: "x".repeat(metadataBytes) }, { endStream: false });
    };
    await once(call(limits.callMetadataMaxBytes / 2), "response");
    const tooMuch = call(2 * limits.callMetadataMaxBytes);
    await assert.rejects(once(tooMuch, "close"), { code: "ERR_HTTP2_STREAM_ERROR" });
  });
});
