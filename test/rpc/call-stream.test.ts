import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { test } from "node:test";
import { promisify } from "node:util";
import { limits } from "../../src/base/limits.js";
import { mapMethods } from "../../src/proto/methods.js";
import { widenReceiveWindow } from "../../src/rpc/call-stream.js";
import { PipeFixture } from "./pipe-fixture.js";

test("a client with a pipe may send a large message ahead, on its connection and on each stream", async (context) => {
  const fixture = await PipeFixture.start(context);
  const session = connect(`http://${fixture.server.address}`);
  context.after(() => session.destroy());
  await once(openPipe(session), "response");
  await promisify(session.ping.bind(session))();
  assert.equal(session.remoteSettings.initialWindowSize, limits.receiveWindowBytes);
  assert.equal(session.state.remoteWindowSize, limits.receiveWindowBytes);
  // A second pipe finds it done.
  session.once("remoteSettings", () => assert.fail("settings came again"));
  await once(openPipe(session), "response");
  await promisify(session.ping.bind(session))();
});

test("a call that gives no access to its connection is left alone", () => {
  assert.doesNotThrow(() => widenReceiveWindow({}));
});

function openPipe(session: ClientHttp2Session): ClientHttp2Stream {
  const headers = { ":method": "POST", ":path": mapMethods.pipe.path, "content-type": "application/grpc", te: "trailers" };
  return session.request(headers, { endStream: false });
}
