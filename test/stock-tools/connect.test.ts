/** The core of the map API, spoken by a gRPC client that is not ours: @connectrpc/connect-node, generated from the .proto files. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ConnectError, createClient, type Client } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorDetailSchema } from "../gen/bigmap/v1/error_pb.js";
import { MapService } from "../gen/bigmap/v1/map_service_pb.js";
import { ReplicaService } from "../gen/bigmap/v1/replica_service_pb.js";
import { RouterService } from "../gen/bigmap/v1/router_service_pb.js";
import { Cluster } from "../../src/testing/cluster.js";
import { serveFolder } from "./served-folder.js";

interface Served {
  readonly address: string;
  stop(): Promise<void>;
}

const keys = Array.from({ length: 64 }, (_, i) => Buffer.from(`key-${i}`));
const valueOf = (key: Uint8Array): Buffer => Buffer.concat([Buffer.from("value of "), key]);

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  const error = await call.then(
    () => assert.fail("the call did not fail"),
    (thrown: unknown) => ConnectError.from(thrown),
  );
  return error.findDetails(ErrorDetailSchema)[0]?.code;
}

function coreSuite(name: string, serve: () => Promise<Served>, replicas: number): void {
  describe(`a stock gRPC client, ${name}`, () => {
    let served: Served;
    let maps: Client<typeof MapService>;
    let router: Client<typeof RouterService>;
    let replica: Client<typeof ReplicaService>;

    before(async () => {
      served = await serve();
      const transport = createGrpcTransport({ baseUrl: `http://${served.address}` });
      maps = createClient(MapService, transport);
      router = createClient(RouterService, transport);
      replica = createClient(ReplicaService, transport);
    });
    after(() => served.stop());

    test("writes and reads keys of every canister, wherever it is", async () => {
      for (const key of keys) await maps.put({ map: "core", key, value: valueOf(key) });
      const { replicas: named, canisters } = await router.getTopology({ map: "core" });
      assert.equal(named.length, replicas);
      assert.equal(new Set(canisters.map((canister) => canister.replicaId)).size, replicas, "every replica has canisters of the map");
      for (const key of keys) assert.deepEqual(Buffer.from((await maps.get({ map: "core", key })).value), valueOf(key));
      assert.equal((await maps.stats({ map: "core" })).entries, BigInt(keys.length));
    });

    test("keeps versions and conditions", async () => {
      const key = Buffer.from("conditional");
      const { version } = await maps.put({ map: "core", key, value: key, condition: { condition: { case: "ifAbsent", value: true } } });
      assert.equal(
        await codeOf(maps.put({ map: "core", key, value: key, condition: { condition: { case: "ifAbsent", value: true } } })),
        "CONDITION_FAILED",
      );
      const replaced = await maps.put({ map: "core", key, value: key, condition: { condition: { case: "ifVersion", value: version } } });
      assert.ok(replaced.version > version);
      assert.equal(
        await codeOf(maps.delete({ map: "core", key, condition: { condition: { case: "ifVersion", value: version } } })),
        "CONDITION_FAILED",
      );
      assert.equal((await maps.delete({ map: "core", key })).existed, true);
      assert.equal((await maps.delete({ map: "core", key })).existed, false);
    });

    test("reads and writes many keys at once", async () => {
      const updates = keys.map((key) => ({ key, update: { case: "put" as const, value: Buffer.from("again") } }));
      const written = await maps.write({ map: "core", updates });
      assert.ok(written.results.every(({ error, version }) => error === undefined && version > 0n));
      const { results } = await maps.getMany({ map: "core", keys: [...keys, Buffer.from("absent")] });
      assert.deepEqual(
        results.map(({ found }) => found),
        [...keys.map(() => true), false],
      );
      assert.ok(results.slice(0, keys.length).every(({ value }) => Buffer.from(value).toString() === "again"));
    });

    test("scans every entry once, across canisters, splits and replicas", async () => {
      const { canisters } = await router.getTopology({ map: "core" });
      await router.splitCanister({ canisterId: canisters[0]?.canisterId ?? 0n });
      const seen: string[] = [];
      for await (const page of maps.scan({ map: "core" })) seen.push(...page.entries.map(({ key }) => Buffer.from(key).toString()));
      assert.deepEqual(seen.sort(), keys.map(String).sort());
    });

    test("answers batches over the pipe", async () => {
      const [key] = keys as [Buffer];
      // Kinds: put, get, has, delete, get.
      const frame = {
        batchId: 1n,
        map: "core",
        operations: Uint8Array.of(2, 0, 1, 3, 0),
        keyBytes: Array.from({ length: 5 }, () => key.length),
        keys: Buffer.concat([key, key, key, key, key]),
        valueBytes: [3],
        values: Buffer.from("new"),
      };
      const statuses = new Map<number, number>();
      for await (const part of maps.pipe(once(frame))) {
        for (const { indexes, statuses: answered } of [part, ...part.more]) {
          answered.forEach((status, i) => statuses.set(indexes[i] ?? i, status));
        }
        if (statuses.size === 5) break;
      }
      assert.deepEqual(
        [...statuses].sort(([a], [b]) => a - b).map(([, status]) => status),
        [4, 1, 2, 5, 3],
      );
    });

    test("sees the ring, and stops and starts a canister", async () => {
      const { ring } = await router.getRing({ map: "core" });
      assert.equal(ring?.starts[0], 0n);
      const { canisters } = await router.getTopology({ map: "core" });
      // ReplicaService speaks of the canisters of the replica that is asked.
      const here = canisters.find((canister) => canister.replicaId === "replica-1");
      const canisterId = here?.canisterId ?? 0n;
      assert.equal((await replica.stopCanister({ canisterId })).canister?.state, 5);
      assert.equal((await replica.startCanister({ canisterId })).canister?.state, 2);
      assert.equal((await replica.createCanister({ canisterId })).canister?.canisterId, canisterId);
      assert.equal((await replica.canisterStatus({ canisterId })).canister?.map, "core");
      assert.equal(await codeOf(replica.deleteCanister({ canisterId })), "CANISTER_IN_USE");
      assert.equal(await codeOf(replica.canisterStatus({ canisterId: 999_999n })), "CANISTER_NOT_FOUND");
    });

    test("clears, lists and drops", async () => {
      assert.ok((await maps.clear({ map: "core" })).deletedEntries >= BigInt(keys.length - 1));
      assert.equal((await maps.stats({ map: "core" })).entries, 0n);
      assert.deepEqual(
        (await maps.listMaps({})).maps.map(({ map }) => map),
        ["core"],
      );
      await maps.dropMap({ map: "core" });
      assert.equal(await codeOf(maps.get({ map: "core", key: Buffer.from("a") })), "MAP_NOT_FOUND");
      assert.deepEqual((await maps.listMaps({})).maps, []);
    });
  });
}

/** Keeps the request side open until the answer's reader has seen enough. */
async function* once<T>(message: T): AsyncIterable<T> {
  yield message;
  await new Promise((resolve) => setImmediate(resolve));
}

coreSuite("one replica", serveFolder, 1);
coreSuite(
  "three replicas of which one is asked",
  async () => {
    const cluster = await Cluster.start(3);
    return { address: cluster.addresses[0] ?? "", stop: () => cluster.stop() };
  },
  3,
);
