import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { describe, test, type TestContext } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { mapMethods } from "../../src/proto/methods.js";
import { GrpcChannel } from "../../src/rpc/grpc-channel.js";
import { PeerWatch } from "../../src/rpc/peer-watch.js";
import { PipeClient, type PipeState } from "../../src/rpc/pipe-client.js";
import { serverOptions } from "../../src/rpc/transport-options.js";
import { watchClients } from "../../src/rpc/watched-connections.js";
import { turn } from "../client/held-connection.js";
import { ManualClock } from "../client/manual-clock.js";
import { PipeFixture } from "./pipe-fixture.js";

const lookMs = 2_000;

describe("a connection whose other end has gone without a word", () => {
  test("is found by the client, in half a minute of its clock", async (context) => {
    const { server } = await PipeFixture.start(context);
    const road = await Road.to(server.port, context);
    const clock = new ManualClock();
    const channel = new GrpcChannel(`127.0.0.1:${road.port}`, clock);
    context.after(() => channel.close());
    await channel.connect();
    const ends: PipeState[] = [];
    await new Promise<void>((resolve) => {
      const onStateChange = (state: PipeState): void => {
        if (state.kind === "open") resolve();
        else ends.push(state);
      };
      new PipeClient(channel.openPipe(mapMethods.pipe), { clock, onStateChange });
    });
    road.stop();
    for (let look = 1; look < 16; look++) {
      clock.advance(lookMs);
      await turn();
    }
    assert.equal(ends.length, 0);
    while (ends.length === 0) {
      clock.advance(lookMs);
      await turn();
    }
    assert.ok(ends[0]?.kind === "closed" && ends[0].error?.code === "UNAVAILABLE");
    assert.equal(clock.pendingTimers, 0);
  });

  test("is found by the server", async (context) => {
    const clock = new ManualClock();
    const server = new grpc.Server(serverOptions);
    context.after(() => server.forceShutdown());
    const port = await new Promise<number>((resolve, reject) => {
      const credentials = grpc.ServerCredentials.createInsecure();
      server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
    });
    watchClients(server, new PeerWatch(clock));
    const road = await Road.to(port, context);
    const session = connectHttp2(`http://127.0.0.1:${road.port}`);
    session.on("error", () => undefined);
    context.after(() => session.destroy());
    await once(session, "remoteSettings");
    road.stop();
    assert.equal(clock.pendingTimers, 1);
    while (clock.pendingTimers > 0) {
      clock.advance(lookMs);
      await turn();
    }
  });
});

/** A road to a port of this machine, on which nothing goes any more once it is stopped. */
class Road {
  readonly #sockets: Socket[] = [];

  private constructor(
    readonly port: number,
    server: Server,
    target: number,
    context: TestContext,
  ) {
    server.on("connection", (near: Socket) => {
      const far = connect(target, "127.0.0.1");
      this.#sockets.push(near, far);
      near.pipe(far).pipe(near);
      near.on("error", () => undefined);
      far.on("error", () => undefined);
    });
    context.after(() => {
      server.close();
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  static async to(target: number, context: TestContext): Promise<Road> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Road((server.address() as AddressInfo).port, server, target, context);
  }

  stop(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }
}
