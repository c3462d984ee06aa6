/** The router's large answers: shared by their callers, and bounded until they are taken. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { describe, test, type TestContext } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import { BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import { silentLogger } from "../../src/base/logger.js";
import { routerMethods } from "../../src/proto/methods.js";
import { getRingResponseCodec } from "../../src/proto/ring-codec.js";
import { topologyResponseCodec } from "../../src/proto/topology-codec.js";
import { evenRanges } from "../../src/ring/hash-range.js";
import { Ring } from "../../src/ring/ring.js";
import type { CanisterStatus, MapRing, RouterBackend, Topology } from "../../src/ring/topology.js";
import { RouterAnswers } from "../../src/router/router-answers.js";
import { routerService } from "../../src/router/router-service.js";
import { AnswerRoom } from "../../src/rpc/answer-room.js";
import { GrpcChannel } from "../../src/rpc/grpc-channel.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";
import { ManualClock, settle } from "../../src/testing/manual-clock.js";

const canisters = 1_000;

/** A router with one map, of which the ring changes when the test says so. */
class FakeRouter implements RouterBackend {
  topologies = 0;
  version = 1;
  #address = "127.0.0.1:1";
  #ring = ringOf(1);
  #changed = (): void => undefined;

  change(): void {
    this.#ring = ringOf(++this.version);
    this.#changed();
  }

  move(address: string): void {
    this.#address = address;
  }

  async getRing(map: string): Promise<MapRing> {
    if (map !== "m") throw new BigMapError("MAP_NOT_FOUND", "There is no such map");
    return { map, mapId: 1, ring: this.#ring, replicas: [{ replicaId: "r1", address: this.#address }] };
  }

  async *watchRing(map: string, signal: AbortSignal): AsyncGenerator<MapRing> {
    for (;;) {
      const mapRing = await this.getRing(map);
      yield mapRing;
      while (this.version === mapRing.ring.version) {
        await new Promise<void>((resolve, reject) => {
          this.#changed = resolve;
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        });
      }
    }
  }

  async splitCanister(): Promise<never> {
    throw new BigMapError("UNIMPLEMENTED", "Not in this test");
  }

  async getTopology(): Promise<Topology> {
    this.topologies++;
    return { replicas: [], maps: [], canisters: evenRanges(canisters).map(statusOf) };
  }
}

/** A call of which the test says when its answer has left. */
class FakeCall {
  readonly signal = new AbortController().signal;
  left = (): void => undefined;

  constructor(readonly peer: string) {}

  onLeft(run: () => void): void {
    this.left = run;
  }
}

describe("the router's large answers", () => {
  test("a ring is encoded once for all callers, and anew when it or the address of its replica changes", async () => {
    const { router, answers, room } = subject();
    const calls = Array.from({ length: 100 }, () => new FakeCall("a"));
    const bytes = await Promise.all(calls.map((call) => answers.ring("m", call)));
    assert.equal(new Set(bytes).size, 1);
    assert.equal(decoded(bytes[0]).ring.size, canisters);
    const watch = answers.rings("m", new FakeCall("b"))[Symbol.asyncIterator]();
    assert.equal((await watch.next()).value, bytes[0]);
    router.move("127.0.0.1:2");
    const moved = decoded(await answers.ring("m", new FakeCall("c")));
    assert.equal(moved.replicas[0]?.address, "127.0.0.1:2");
    router.change();
    assert.equal(decoded((await watch.next()).value as Buffer).ring.version, 2);
    await watch.return?.();
    for (const call of calls) call.left();
    assert.equal(room.connections, 1);
  });

  test("a topology is made once for those who ask at the same time", async () => {
    const { router, answers } = subject();
    const bytes = await Promise.all(Array.from({ length: 100 }, () => answers.topology("m", new FakeCall("a"))));
    assert.equal(new Set(bytes).size, 1);
    assert.equal(router.topologies, 1);
    assert.equal(topologyResponseCodec.decode(bytes[0] as Buffer).canisters.length, canisters);
    await answers.topology("m", new FakeCall("a"));
    assert.equal(router.topologies, 2);
  });

  test("past the bound they are refused, of a topology before it is made, and others have room", async () => {
    const { router, answers, room } = subject(40 * ringBytes());
    const calls = Array.from({ length: 200 }, () => new FakeCall("stalled"));
    const codes = (await Promise.allSettled(calls.map((call) => answers.ring("m", call)))).map(codeOf);
    assert.deepEqual(new Set(codes), new Set(["ok", "OVERLOADED"]));
    assert.ok(room.bytes <= (40 * ringBytes()) / 4, `${room.bytes} bytes`);
    const mades = router.topologies;
    const full = Array.from({ length: 200 }, (_, i) => new FakeCall(`other ${i}`));
    const taken = (await Promise.allSettled(full.map((call) => answers.ring("m", call)))).filter(({ status }) => status === "fulfilled");
    assert.ok(taken.length > 40, `${taken.length} connections got an answer`);
    await assert.rejects(answers.topology("m", new FakeCall("late")), { code: "OVERLOADED" });
    assert.equal(router.topologies, mades);
    for (const call of [...calls, ...full]) call.left();
    assert.deepEqual([room.bytes, room.connections], [0, 0]);
  });

  test("a call that fails, or is refused when its answer is made, gives back what it held", async () => {
    const { answers, room } = subject(200_000);
    await assert.rejects(answers.ring("none", new FakeCall("a")), { code: "MAP_NOT_FOUND" });
    const calls = Array.from({ length: 40 }, () => new FakeCall("a"));
    const codes = (await Promise.allSettled(calls.map((call) => answers.topology("m", call)))).map(codeOf);
    assert.deepEqual(new Set(codes), new Set(["OVERLOADED"]));
    for (const call of calls) call.left();
    assert.deepEqual([room.bytes, room.connections], [0, 0]);
  });

  test("a watch has one ring at most, skips those that its reader is too slow for, and waits where there is no room", async () => {
    const bytes = ringBytes();
    const { router, answers, room } = subject(10 * bytes);
    const watch = answers.rings("m", new FakeCall("a"))[Symbol.asyncIterator]();
    const versionOf = ({ value }: IteratorResult<Buffer, void>): number => decoded(value as Buffer).ring.version;
    assert.equal(versionOf(await watch.next()), 1);
    for (let i = 0; i < 5; i++) router.change();
    assert.equal(room.bytes, bytes);
    assert.equal(versionOf(await watch.next()), 6);
    assert.equal(room.bytes, bytes);
    const stalled = Array.from({ length: 18 }, (_, i) => room.take(`stalled ${i}`, bytes));
    stalled.push(room.take("stalled", 2 * bytes));
    router.change();
    const next = watch.next();
    let came = false;
    void next.then(() => (came = true));
    await settle();
    assert.deepEqual([came, room.bytes], [false, 20 * bytes]);
    await assert.rejects(answers.rings("m", new FakeCall("b")).next(), { code: "OVERLOADED" });
    for (const each of stalled) each.give();
    assert.equal(versionOf(await next), 7);
    await watch.return?.();
    assert.deepEqual([room.bytes, room.connections], [0, 0]);
  });

  test("so many watches may be open, and one that ends makes room for another", async () => {
    const { answers, room } = subject(limits.watchesMost * ringBytes());
    const watches = Array.from({ length: limits.watchesMost }, (_, i) => answers.rings("m", new FakeCall(`peer ${i}`)));
    for (const watch of watches) await watch.next();
    await assert.rejects(answers.rings("m", new FakeCall("late")).next(), { code: "OVERLOADED", message: /are watched already/ });
    await watches.pop()?.return();
    watches.push(answers.rings("m", new FakeCall("late")));
    assert.equal((await watches.at(-1)?.next())?.done, false);
    for (const watch of watches) await watch.return();
    assert.deepEqual([room.bytes, room.connections], [0, 0]);
  });
});

describe("a client that asks for much and reads nothing", () => {
  test("is refused past the bound; another one is served; and nothing counts when it has gone", { timeout: 60_000 }, async (t) => {
    const { room, session, channel, router } = await served(t);
    const calls = Array.from({ length: 500 }, () => ask(session, routerMethods.getTopology.path));
    const ended = calls.map((stream) => once(stream, "response").then(([headers]) => (headers as Record<string, unknown>)["grpc-status"]));
    const statuses = await Promise.all(ended);
    // A call that was refused has its status in its first headers; of the others the answer has not been read.
    const refused = statuses.filter((status) => status === "8").length;
    assert.ok(refused > 0 && refused < calls.length, `${refused} of ${calls.length} are refused`);
    assert.ok(room.bytes <= 8 * 2 ** 20, `${room.bytes} bytes`);
    const before = router.topologies;
    assert.equal((await channel.unary(routerMethods.getTopology, { map: "m" })).canisters.length, canisters);
    assert.equal(router.topologies, before + 1);
    session.destroy();
    while (room.bytes > 0 || room.connections > 0) await settle();
  });
});

function subject(roomBytes?: number): { readonly router: FakeRouter; readonly answers: RouterAnswers; readonly room: AnswerRoom } {
  const router = new FakeRouter();
  const room = new AnswerRoom(roomBytes);
  return { router, answers: new RouterAnswers(router, new ManualClock(), room), room };
}

interface Served {
  readonly router: FakeRouter;
  readonly room: AnswerRoom;
  readonly session: ClientHttp2Session;
  readonly channel: GrpcChannel;
}

async function served(t: TestContext): Promise<Served> {
  const router = new FakeRouter();
  const room = new AnswerRoom(4 * 2 ** 20);
  const services = [routerService(router, { clock: systemClock, sessions: new SessionCounter(), logger: silentLogger }, room)];
  const server = await GrpcServer.listen({ listenAddress: "127.0.0.1:0", services, clock: systemClock, logger: silentLogger });
  const channel = new GrpcChannel(server.address, systemClock);
  const session = connect(`http://${server.address}`, { settings: { initialWindowSize: 0 } });
  session.on("error", () => undefined);
  t.after(async () => {
    session.destroy();
    channel.close();
    await server.stop(1_000);
  });
  return { router, room, session, channel };
}

/** A call with an empty message, of which nothing is read. */
function ask(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
  const stream = session.request(headers, { endStream: false });
  stream.on("error", () => undefined);
  stream.end(Buffer.alloc(5));
  return stream;
}

function ringOf(version: number): Ring {
  return new Ring(
    version,
    evenRanges(canisters).map((range, i) => ({ range, canisterId: i + 1, replicaId: "r1" })),
  );
}

function ringBytes(): number {
  const replicas = [{ replicaId: "r1", address: "127.0.0.1:1" }];
  return getRingResponseCodec.encode({ map: "m", mapId: 1, ring: ringOf(1), replicas }).length;
}

function statusOf(range: CanisterStatus["range"], i: number): CanisterStatus {
  const counts = { epoch: 1, entries: 0, bytes: 0, capBytes: 65_536, sequence: 0 };
  const state = { state: "serving", unsplittable: false, writesWaiting: false } as const;
  return { canisterId: i + 1, mapId: 1, map: "m", range, replicaId: "r1", ...counts, ...state };
}

function decoded(bytes: Buffer | undefined): MapRing {
  return getRingResponseCodec.decode(bytes ?? assert.fail("there are no bytes"));
}

function codeOf(settled: PromiseSettledResult<unknown>): string {
  return settled.status === "fulfilled" ? "ok" : BigMapError.from(settled.reason).code;
}
