import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes } from "../../src/base/bytes.js";
import { systemClock } from "../../src/base/clock.js";
import { BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import { silentLogger } from "../../src/base/logger.js";
import type { ScanPageRequest } from "../../src/base/map-backend.js";
import type { ScanPage } from "../../src/base/scan-page.js";
import { BigMap } from "../../src/index.js";
import type { ScanRequest } from "../../src/proto/entry-codec.js";
import { mapMethods } from "../../src/proto/methods.js";
import { mapService } from "../../src/replica/map-service.js";
import { GrpcChannel } from "../../src/rpc/grpc-channel.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";
import { ReplicaLinks } from "../../src/server/replica-links.js";
import { Cluster } from "../../src/testing/cluster.js";
import { FakeBackend } from "./fake-backend.js";

const request: ScanRequest = {
  map: "m",
  prefix: emptyBytes,
  limit: 0,
  cursor: undefined,
  keysOnly: false,
  singlePage: true,
  noForward: false,
};

/** Has no page itself: asks another replica for each, once all places of both are taken. */
class ForwardingBackend extends FakeBackend {
  otherAddress = "";

  constructor(
    private readonly links: ReplicaLinks,
    private readonly allTaken: () => Promise<void>,
  ) {
    super();
  }

  override async scanPage(asked: ScanPageRequest): Promise<ScanPage> {
    if (asked.noForward === true) return super.scanPage(asked);
    await this.allTaken();
    return this.links.scanPage(asked, this.otherAddress);
  }
}

test("replicas that have all their places taken by pages of each other do not wait for each other", async (t) => {
  const links = new ReplicaLinks(silentLogger);
  const allTaken = meeting(2 * limits.scanPagesServedMost);
  const backends = [0, 1].map(() => new ForwardingBackend(links, allTaken));
  const servers = await Promise.all(backends.map((backend) => serve(backend)));
  for (const [i, backend] of backends.entries()) backend.otherAddress = (servers[1 - i] as GrpcServer).address;
  const channels = servers.map(({ address }) => new GrpcChannel(address, systemClock));
  t.after(async () => {
    for (const channel of channels) channel.close();
    await links.close();
    await Promise.all(servers.map((server) => server.stop(1_000)));
  });
  const scans = channels.flatMap((channel) => Array.from({ length: 3 * limits.scanPagesServedMost }, () => pageOf(channel, request)));
  assert.deepEqual(new Set((await Promise.all(scans)).map(({ count }) => count)), new Set([2]));
});

test("a replica that has not the page is asked once: who asked knows better whom to ask next", async (t) => {
  let asked = 0;
  class WrongReplica extends FakeBackend {
    override scanPage(): Promise<ScanPage> {
      asked++;
      return Promise.reject(new BigMapError("NOT_OWNER", "Somebody else has it", { ownerAddress: "127.0.0.1:1" }));
    }
  }
  const links = new ReplicaLinks(silentLogger);
  const server = await serve(new WrongReplica());
  t.after(async () => {
    await links.close();
    await server.stop(1_000);
  });
  const page = links.scanPage({ map: "m", prefix: emptyBytes, maxEntries: 10, cursor: undefined, keysOnly: false }, server.address);
  await assert.rejects(page, { code: "NOT_OWNER", ownerAddress: "127.0.0.1:1", retry: "transient" });
  assert.equal(asked, 1);
});

test("of a page that must not be forwarded its owner says what it holds, and the others where it is", async (t) => {
  const cluster = await Cluster.start(3);
  const bigmap = await BigMap.connect({ endpoints: cluster.addresses.slice(0, 1) });
  const channels = cluster.addresses.map((address) => new GrpcChannel(address, systemClock));
  t.after(async () => {
    for (const channel of channels) channel.close();
    await bigmap.close();
    await cluster.stop();
  });
  await bigmap.createMap("m", { initialCanisters: 3 });
  await bigmap.map("m").putMany(Array.from({ length: 30 }, (_, i) => [`key-${i}`, Buffer.of(i)] as const));
  const answers = await Promise.allSettled(channels.map((channel) => pageOf(channel, { ...request, noForward: true })));
  const owner = answers.findIndex(({ status }) => status === "fulfilled");
  for (const [i, answer] of answers.entries()) {
    if (answer.status === "fulfilled") assert.equal(i, owner);
    else {
      const { code, ownerAddress } = BigMapError.from(answer.reason);
      assert.deepEqual([code, ownerAddress], ["NOT_OWNER", cluster.addresses[owner]]);
    }
  }
});

function serve(backend: FakeBackend): Promise<GrpcServer> {
  const services = [mapService(backend, { clock: systemClock, sessions: new SessionCounter(), logger: silentLogger })];
  return GrpcServer.listen({ listenAddress: "127.0.0.1:0", services, clock: systemClock, logger: silentLogger });
}

async function pageOf(channel: GrpcChannel, asked: ScanRequest): Promise<ScanPage> {
  for await (const page of channel.serverStream(mapMethods.scan, asked)) return page;
  throw new Error("There was no page");
}

/** Whoever comes waits until so many have come; later ones do not wait. */
function meeting(count: number): () => Promise<void> {
  let rest = count;
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  return () => {
    if (--rest === 0) begin();
    return begun;
  };
}
