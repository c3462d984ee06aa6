import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { createClient, type Client } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { BigMap, bytes, limits } from "../../src/index.js";
import { startServer, type RunningServer } from "../../src/server/server.js";
import { recount, type CountedEntry } from "../check/recount.js";
import { MapService } from "../gen/bigmap/v1/map_service_pb.js";
import { ReplicaService } from "../gen/bigmap/v1/replica_service_pb.js";
import { RouterService } from "../gen/bigmap/v1/router_service_pb.js";

/** Holds entries before the first bad input comes, and must hold exactly the same after every one. */
export const knownMap = "known";
export const knownKey = "known-7";
/** Has no entry and one canister. */
export const emptyMap = "empty";
/** Has one key that is no UTF-8, with a value that is none. */
export const binaryMap = "binary";
/** Was dropped and made again under its old name. */
export const rebornMap = "reborn";

/** What bad input refers to. */
export interface Seed {
  /** Where a scan of the known map would go on. */
  readonly cursor: Uint8Array;
  /** Cursor of the reborn map's former life. */
  readonly staleCursor: Uint8Array;
  readonly knownVersion: number;
  readonly knownCanisterId: number;
  readonly emptyCanisterId: number;
}

/** A change that is seen in the middle looks like a wrong counter; one that is there to stay looks so every time. */
const settleAttempts = 20;

interface Content {
  readonly ringVersion: number;
  /** key, value, version */
  readonly entries: readonly (readonly [string, string, number])[];
}

/** A real server in this process, with some maps in it, and a client for each road. */
export class ServerUnderTest {
  readonly client: BigMap;
  readonly maps: Client<typeof MapService>;
  readonly router: Client<typeof RouterService>;
  readonly replica: Client<typeof ReplicaService>;
  seed!: Seed;
  #contents: ReadonlyMap<string, Content> = new Map();

  private constructor(
    private readonly folder: string,
    private readonly server: RunningServer,
    private readonly observer: BigMap,
    client: BigMap,
  ) {
    this.client = client;
    // Node's HTTP/2 gives up a connection that holds more than 10 MB; large messages are what these clients are for.
    const nodeOptions = { maxSessionMemory: 1_000 };
    const transport = createGrpcTransport({ baseUrl: `http://${server.address}`, writeMaxBytes: 64 * 2 ** 20, nodeOptions });
    this.maps = createClient(MapService, transport);
    this.router = createClient(RouterService, transport);
    this.replica = createClient(ReplicaService, transport);
  }

  static async start(): Promise<ServerUnderTest> {
    const folder = await mkdtemp(join(tmpdir(), "bigmap-bad-input-"));
    const sizes = { canisterCapBytes: limits.canisterCapDefaultBytes, memoryBytes: 64 * 2 ** 20 };
    const config = { dataDir: join(folder, "data"), listen: "127.0.0.1:0", ...sizes, durability: "fsync", logLevel: "silent" } as const;
    const server = await startServer(config);
    const connect = (): Promise<BigMap> => BigMap.connect({ endpoints: [server.address] });
    const started = new ServerUnderTest(folder, server, await connect(), await connect());
    started.seed = await seedMaps(started.observer);
    started.#contents = await started.#readAll();
    return started;
  }

  /** HOST:PORT. */
  get address(): string {
    return this.server.address;
  }

  async stop(): Promise<void> {
    await Promise.all([this.client.close(), this.observer.close()]);
    await this.server.stop();
    await rm(this.folder, { recursive: true });
  }

  /** The server answers; no map came or went, no entry and no ring changed, and the counters equal a recount. */
  async assertUnharmed(): Promise<void> {
    assert.deepEqual(await this.#readAll(), this.#contents);
  }

  /** From now on what is there now is what must stay. */
  async takeAsGiven(): Promise<void> {
    this.#contents = await this.#readAll();
  }

  /** As `takeAsGiven`, once nothing changes any more: what clients left behind in the network may still arrive. */
  async settled(): Promise<void> {
    for (let attempt = 0; attempt < settleAttempts; attempt++) {
      const before = await this.#readAll().catch(() => undefined);
      const now = await this.#readAll().catch(() => undefined);
      if (now === undefined) continue;
      this.#contents = now;
      if (isDeepStrictEqual(before, now)) return;
    }
    assert.fail("the content does not come to rest");
  }

  async #readAll(): Promise<ReadonlyMap<string, Content>> {
    const contents = new Map<string, Content>();
    for await (const { map } of this.observer.listMaps()) contents.set(map, await this.#read(map));
    return contents;
  }

  async #read(name: string): Promise<Content> {
    const map = this.observer.map(name, { key: bytes, value: bytes });
    const { canisters } = await this.observer.topology(name);
    const entries: (readonly [string, string, number])[] = [];
    async function* scanned(): AsyncGenerator<CountedEntry> {
      for await (const entry of map.scan()) {
        entries.push([hexOf(entry.key), hexOf(entry.value), entry.version]);
        yield entry;
      }
    }
    assert.deepEqual(await recount(scanned(), canisters), []);
    return { ringVersion: (await this.observer.ring(name)).ring.version, entries };
  }
}

async function seedMaps(bigmap: BigMap): Promise<Seed> {
  const known = bigmap.map(knownMap);
  for (const map of [binaryMap, rebornMap]) await bigmap.createMap(map, { initialCanisters: 1 });
  for (let i = 0; i < 40; i++) await known.put(`known-${i}`, Buffer.from(`value ${i}`));
  await bigmap.createMap(emptyMap, { initialCanisters: 1 });
  await bigmap.map(binaryMap, { key: bytes }).put(Uint8Array.of(0xff, 0xfe), Uint8Array.of(0xc3, 0x28));
  const staleCursor = await cursorOf(bigmap, rebornMap);
  await bigmap.dropMap(rebornMap);
  await bigmap.createMap(rebornMap, { initialCanisters: 1 });
  await cursorOf(bigmap, rebornMap);
  const canisterOf = async (map: string): Promise<number> => (await bigmap.topology(map)).canisters[0]?.canisterId ?? 0;
  return {
    cursor: await cursorOf(bigmap, knownMap),
    staleCursor,
    knownVersion: (await known.getEntry(knownKey))?.version ?? 0,
    knownCanisterId: await canisterOf(knownMap),
    emptyCanisterId: await canisterOf(emptyMap),
  };
}

/** Where a scan stands after its first entry; puts one where the map has none. */
async function cursorOf(bigmap: BigMap, name: string): Promise<Uint8Array> {
  const map = bigmap.map(name);
  await map.put("known-0", Buffer.from("value 0"));
  const scan = map.scan({ limit: 1 });
  for await (const entry of scan) assert.ok(entry.version > 0);
  return scan.cursor ?? assert.fail("the scan ended after one entry");
}

function hexOf(some: Uint8Array): string {
  return Buffer.from(some).toString("hex");
}
