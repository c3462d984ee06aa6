import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { limits } from "../../src/base/limits.js";
import type { CommitFault } from "../../src/meta/memory-meta-store.js";
import { registerReplica } from "../../src/meta/replica-registration.js";
import type { MapRing } from "../../src/ring/topology.js";
import { RouterCanister } from "../../src/router/router.js";
import { settle } from "../../src/testing/manual-clock.js";
import { code, startRouter } from "./router-under-test.js";

const middle = { high: 0x20000000, low: 0 };

describe("creating a map", () => {
  test("makes its canisters, even and in turn over the replicas, and opens them", async () => {
    const { router, hosts } = await startRouter({}, ["r1", "r2"]);
    const created = await router.createMap("users", { initialCanisters: 3 });
    const settings = { canisterCapBytes: 65_536, initialCanisters: 3, tokenFunction: "murmur3" };
    assert.deepEqual(created, { mapId: 1, map: "users", settings });
    const { ring } = await router.getRing("users");
    assert.deepEqual(
      ring.entries().map(({ canisterId, replicaId, range }) => [canisterId, replicaId, range.start.high]),
      [
        [1, "r1", 0],
        [2, "r2", 0x55555555],
        [3, "r1", 0xaaaaaaaa],
      ],
    );
    assert.deepEqual(
      hosts.map((host) => host.canisterStatuses().map(({ canisterId }) => canisterId)),
      [[1, 3], [2]],
    );
  });

  test("fails with MAP_EXISTS where there is one of that name, and of two at once one wins", async () => {
    const { router } = await startRouter();
    const outcomes = await Promise.allSettled([router.createMap("a", {}), router.createMap("a", { initialCanisters: 7 })]);
    const lost = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
    assert.equal(lost.length, 1);
    assert.ok(code("MAP_EXISTS")(lost[0]));
    await assert.rejects(router.createMap("a", {}), code("MAP_EXISTS"));
  });

  test("of two routers that create the same map at once one wins", async () => {
    const { router, options } = await startRouter();
    const other = await RouterCanister.start(options);
    for (let round = 0; round < 10; round++) {
      const outcomes = await Promise.allSettled([router.createMap(`m${round}`, {}), other.createMap(`m${round}`, {})]);
      assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    }
    const ids = (await router.listMaps({ pageSize: 0, pageToken: undefined })).maps.map(({ mapId }) => mapId);
    assert.equal(new Set(ids).size, 10);
  });

  test("checks names", async () => {
    const { router } = await startRouter();
    for (const name of ["", ".a", "-", "a b", "ä", "a/b", "x".repeat(256), "a\n"]) {
      await assert.rejects(router.createMap(name, {}), code("MAP_NAME_INVALID"));
      await assert.rejects(router.ensureMap(name), code("MAP_NAME_INVALID"));
    }
    for (const name of ["a", "0", "A.b_c-d", "x".repeat(255)]) assert.equal((await router.createMap(name, {})).map, name);
  });

  test("checks settings", async () => {
    const { router } = await startRouter();
    const bad = [
      { canisterCapBytes: limits.canisterCapMinBytes - 1 },
      { canisterCapBytes: limits.canisterCapMaxBytes + 1 },
      { canisterCapBytes: 70_000.5 },
      { canisterCapBytes: NaN },
      { initialCanisters: 0 },
      { initialCanisters: limits.initialCanistersMax + 1 },
      { initialCanisters: 1.5 },
      { tokenFunction: "sha1" as "murmur3" },
    ];
    for (const settings of bad) await assert.rejects(router.createMap("a", settings), code("INVALID_ARGUMENT"));
    await assert.rejects(router.describeMap("a"), code("MAP_NOT_FOUND"));
    await router.createMap("a", { canisterCapBytes: limits.canisterCapMaxBytes, initialCanisters: limits.initialCanistersMax });
    assert.equal((await router.getRing("a")).ring.size, limits.initialCanistersMax);
  });

  for (const fault of ["lost", "unknown-applied", "unknown-unapplied", "unknown-late"] satisfies CommitFault[]) {
    test(`with a commit that is ${fault}, at either step, makes the map exactly once`, async () => {
      for (const faulty of [0, 1]) {
        let commits = 0;
        const { router, meta } = await startRouter({ commitFault: () => (commits++ === faulty ? fault : undefined) });
        const created = await router.createMap("a", {});
        assert.deepEqual(await router.describeMap("a"), created);
        const { ring } = await router.getRing("a");
        assert.equal(ring.size, 2);
        assert.equal((await meta.list("canister/")).records.length, 2);
        await assert.rejects(router.createMap("a", {}), code("MAP_EXISTS"));
      }
    });
  }
});

describe("ensuring a map", () => {
  test("gives all who ask at once the same open map", async () => {
    const { router, host, options } = await startRouter();
    const other = await RouterCanister.start(options);
    const all = await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? router : other).ensureMap("a")));
    assert.equal(new Set(all.map(({ mapId }) => mapId)).size, 1);
    assert.equal(host.canisterStatuses().length, 2);
    assert.deepEqual(await router.ensureMap("a"), all[0]);
  });

  test("waits until a map that is being created is open", async () => {
    const { router, host } = await startRouter();
    const creating = router.createMap("a", {});
    while ((await router.describeMap("a").catch(() => undefined)) === undefined) await Promise.resolve();
    await router.ensureMap("a");
    assert.equal(host.canisterStatuses().length, 2);
    await creating;
  });
});

describe("dropping a map", () => {
  test("removes its records and frees its data", async () => {
    const { router, host, meta } = await startRouter();
    await router.createMap("a", {});
    await router.createMap("b", {});
    await router.dropMap("a");
    assert.deepEqual(host.deleted, [1, 2]);
    assert.deepEqual(
      (await meta.list("canister/")).records.map(({ key }) => Number(key.slice(9))),
      [3, 4],
    );
    await assert.rejects(router.getRing("a"), code("MAP_NOT_FOUND"));
    await assert.rejects(router.dropMap("a"), code("MAP_NOT_FOUND"));
    assert.equal((await router.getRing("b")).ring.size, 2);
  });

  test("never gives a number twice, also after the newest map was dropped and the router started anew", async () => {
    const { router, options } = await startRouter();
    await router.createMap("a", {});
    await router.dropMap("a");
    await router.stop();
    const again = await RouterCanister.start(options);
    assert.equal((await again.createMap("a", {})).mapId, 2);
    assert.deepEqual(
      (await again.getRing("a")).ring.entries().map(({ canisterId }) => canisterId),
      [3, 4],
    );
  });

  test("takes along a canister that a split makes at the same moment", async () => {
    const { router, host, meta } = await startRouter();
    await router.createMap("a", { initialCanisters: 1 });
    const outcomes = await Promise.allSettled([router.splitCanister(1, middle), router.dropMap("a")]);
    assert.equal(outcomes[1].status, "fulfilled");
    assert.deepEqual((await meta.list("canister/")).records, []);
    assert.deepEqual((await meta.list("map/")).records, []);
    assert.deepEqual(host.canisterStatuses(), []);
  });

  test("of two at once one answers MAP_NOT_FOUND", async () => {
    const { router } = await startRouter();
    await router.createMap("a", {});
    const outcomes = await Promise.allSettled([router.dropMap("a"), router.dropMap("a")]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  });

  for (const fault of ["lost", "unknown-applied", "unknown-unapplied", "unknown-late"] satisfies CommitFault[]) {
    test(`with a commit that is ${fault} drops the map and frees all of it`, async () => {
      const faults: CommitFault[] = [];
      const { router, host, meta } = await startRouter({ commitFault: () => faults.shift() });
      await router.createMap("a", {});
      faults.push(fault);
      await router.dropMap("a");
      assert.deepEqual(host.deleted, [1, 2]);
      assert.deepEqual((await meta.list("canister/")).records, []);
    });
  }
});

describe("listing maps", () => {
  test("in pages brings every map once, in the order of names (defect 14: a listing never stops silently)", async () => {
    const { router } = await startRouter();
    const names = Array.from({ length: 25 }, (_, i) => `map-${(i * 7) % 25}`);
    for (const name of names) await router.createMap(name, { initialCanisters: 1 });
    const listed: string[] = [];
    let pageToken: string | undefined;
    do {
      const page = await router.listMaps({ pageSize: 10, pageToken });
      listed.push(...page.maps.map(({ map }) => map));
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined);
    assert.deepEqual(listed, names.sort());
    const exact = await router.listMaps({ pageSize: 25, pageToken: undefined });
    assert.deepEqual([exact.maps.length, exact.nextPageToken], [25, undefined]);
  });

  test("past the largest page goes on with a token, and resumes after a name that is gone", async () => {
    const { router } = await startRouter();
    for (let i = 0; i <= limits.listPageMaxMaps; i++) await router.createMap(`m${String(i).padStart(5, "0")}`, { initialCanisters: 1 });
    for (const pageSize of [0, 5_000]) {
      const page = await router.listMaps({ pageSize, pageToken: undefined });
      assert.equal(page.maps.length, limits.listPageMaxMaps);
      const rest = await router.listMaps({ pageSize, pageToken: page.nextPageToken });
      assert.deepEqual(
        rest.maps.map(({ map }) => map),
        ["m01000"],
      );
    }
    const first = await router.listMaps({ pageSize: 3, pageToken: undefined });
    await router.dropMap("m00002");
    const next = await router.listMaps({ pageSize: 1, pageToken: first.nextPageToken });
    assert.equal(next.maps[0]?.map, "m00003");
  });

  test("with a bad size or a forged token is INVALID_ARGUMENT", async () => {
    const { router } = await startRouter();
    for (const pageSize of [-1, 1.5, NaN]) {
      await assert.rejects(router.listMaps({ pageSize, pageToken: undefined }), code("INVALID_ARGUMENT"));
    }
    for (const pageToken of ["!", "YQ==", "////", "IA"]) {
      await assert.rejects(router.listMaps({ pageSize: 1, pageToken }), code("INVALID_ARGUMENT"));
    }
    assert.deepEqual(await router.listMaps({ pageSize: 1, pageToken: "" }), { maps: [], nextPageToken: undefined });
  });
});

describe("the ring of a map", () => {
  test("names the replicas' addresses in its own order", async () => {
    const { router, meta } = await startRouter({}, ["z", "a", "m"]);
    await registerReplica(meta, { replicaId: "z", address: "127.0.0.1:1" });
    await registerReplica(meta, { replicaId: "a", address: "127.0.0.1:2" });
    await router.createMap("x", { initialCanisters: 3 });
    const { replicas, ring } = await router.getRing("x");
    assert.deepEqual(replicas, [
      { replicaId: "z", address: "127.0.0.1:1" },
      { replicaId: "a", address: "127.0.0.1:2" },
      { replicaId: "m", address: "" },
    ]);
    assert.deepEqual(ring.replicaIds, ["z", "a", "m"]);
  });

  test("is the new one as soon as a split is answered, also where watches are slow", async () => {
    const { router, clock } = await startRouter({ deferWatch: () => undefined });
    const answer = async <T>(call: Promise<T>): Promise<T> => {
      for (let i = 0; i < 4; i++) await clock.advanceAndSettle(1_000);
      return call;
    };
    await answer(router.createMap("a", { initialCanisters: 1 }));
    const split = await answer(router.splitCanister(1, middle));
    const { ring } = await answer(router.getRing("a"));
    assert.equal(ring.version, split.ringVersion);
    assert.deepEqual(
      ring.entries().map(({ canisterId }) => canisterId),
      [1, split.rightId],
    );
    assert.deepEqual(split.cut, middle);
  });

  test("cannot be split at a canister that is not there, or where one half would be empty", async () => {
    const { router } = await startRouter();
    await router.createMap("a", { initialCanisters: 1 });
    await assert.rejects(router.splitCanister(99, undefined), code("CANISTER_NOT_FOUND"));
    await assert.rejects(router.splitCanister(1, { high: 0, low: 0 }), code("INVALID_ARGUMENT"));
    await assert.rejects(router.splitCanister(1, undefined), code("CANISTER_UNSPLITTABLE"));
    assert.equal((await router.splitCanister(1, middle)).leftId, 1);
  });

  test("a canister that is being split is CANISTER_BUSY for a second split", async () => {
    const { router } = await startRouter();
    await router.createMap("a", { initialCanisters: 1 });
    const outcomes = await Promise.allSettled([router.splitCanister(1, middle), router.splitCanister(1, middle)]);
    assert.equal(outcomes[0].status, "fulfilled");
    assert.ok(outcomes[1].status === "rejected" && code("CANISTER_BUSY")(outcomes[1].reason));
  });
});

describe("watching a ring", () => {
  test("brings the current ring, then newer ones, and ends with MAP_NOT_FOUND on a drop", async () => {
    const { router } = await startRouter();
    await router.createMap("a", { initialCanisters: 1 });
    const rings: MapRing[] = [];
    const watching = (async () => {
      for await (const ring of router.watchRing("a", new AbortController().signal)) rings.push(ring);
    })();
    await settle();
    await router.createMap("unrelated", {});
    for (let i = 1; i <= 3; i++) {
      await router.splitCanister(1, { high: 2 ** (30 - i), low: 0 });
      await settle();
    }
    assert.deepEqual(
      rings.map(({ ring }) => ring.size),
      [1, 2, 3, 4],
    );
    assert.ok(rings.every(({ ring }, i) => i === 0 || ring.version > (rings[i - 1]?.ring.version ?? 0)));
    await Promise.all([router.dropMap("a"), assert.rejects(watching, code("MAP_NOT_FOUND"))]);
  });

  test("skips to the newest ring where the consumer is slow", async () => {
    const { router } = await startRouter();
    await router.createMap("a", { initialCanisters: 1 });
    const rings = router.watchRing("a", new AbortController().signal)[Symbol.asyncIterator]();
    assert.equal(((await rings.next()).value as MapRing).ring.size, 1);
    for (let i = 1; i <= 20; i++) await router.splitCanister(1, { high: 2 ** (31 - i), low: 0 });
    assert.equal(((await rings.next()).value as MapRing).ring.size, 21);
    await rings.return?.();
  });

  test("ends with MAP_NOT_FOUND also where a new map took the name at once", async () => {
    const { router } = await startRouter();
    await router.createMap("a", {});
    const rings = router.watchRing("a", new AbortController().signal)[Symbol.asyncIterator]();
    await rings.next();
    await router.dropMap("a");
    await router.createMap("a", {});
    await assert.rejects(rings.next(), code("MAP_NOT_FOUND"));
  });

  test("of a map that is not there fails with MAP_NOT_FOUND", async () => {
    const { router } = await startRouter();
    await assert.rejects(router.watchRing("a", new AbortController().signal)[Symbol.asyncIterator]().next(), code("MAP_NOT_FOUND"));
  });

  test("ends quietly when it is aborted, and with SHUTTING_DOWN when the router stops", async () => {
    const { router } = await startRouter();
    await router.createMap("a", {});
    const abort = new AbortController();
    const aborted = router.watchRing("a", abort.signal)[Symbol.asyncIterator]();
    const stopped = router.watchRing("a", new AbortController().signal)[Symbol.asyncIterator]();
    await Promise.all([aborted.next(), stopped.next()]);
    const [end, failure] = [aborted.next(), assert.rejects(stopped.next(), code("SHUTTING_DOWN"))];
    abort.abort();
    assert.equal((await end).done, true);
    await router.stop();
    await failure;
    await assert.rejects(router.getRing("a"), code("SHUTTING_DOWN"));
  });
});

describe("the topology", () => {
  test("has replicas, maps and canisters in ring order, of all maps or one", async () => {
    const { router, host, meta } = await startRouter();
    await registerReplica(meta, { replicaId: "r1", address: "127.0.0.1:1" });
    await router.createMap("b", { initialCanisters: 1 });
    await router.createMap("a", {});
    await router.splitCanister(1, middle);
    host.put(1, { high: 1, low: 1 }, 10);
    const all = await router.getTopology(undefined);
    assert.deepEqual(all.replicas, [{ replicaId: "r1", address: "127.0.0.1:1" }]);
    assert.deepEqual(
      all.maps.map(({ map }) => map),
      ["a", "b"],
    );
    assert.deepEqual(
      all.canisters.map(({ canisterId, bytes }) => [canisterId, bytes]),
      [
        [1, 10],
        [4, 0],
        [2, 0],
        [3, 0],
      ],
    );
    const one = await router.getTopology("a");
    assert.deepEqual([one.maps.length, one.canisters.length], [1, 2]);
    await assert.rejects(router.getTopology("c"), code("MAP_NOT_FOUND"));
  });
});
