import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryMetaStore } from "../../src/meta/memory-meta-store.js";
import { encodeCanisterRecord, encodeMapRecord } from "../../src/meta/record-codec.js";
import { canisterRecordKey, mapRecordKey } from "../../src/meta/record-keys.js";
import { RecordView } from "../../src/meta/record-view.js";
import type { CanisterRecord } from "../../src/meta/records.js";
import { registerReplica } from "../../src/meta/replica-registration.js";
import { planSplit } from "../../src/meta/split-transaction.js";
import { wholeTokenSpace } from "../../src/ring/hash-range.js";
import { ManualClock, settle } from "../../src/testing/manual-clock.js";

const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected;
const settings = { canisterCapBytes: 65536, initialCanisters: 1, tokenFunction: "murmur3" } as const;
const canister: CanisterRecord = {
  canisterId: 1,
  mapId: 1,
  map: "m",
  range: wholeTokenSpace,
  epoch: 1,
  replicaId: "r1",
  origin: undefined,
  stopped: false,
};
const createMap = {
  compares: [],
  puts: [
    { key: mapRecordKey("m"), value: encodeMapRecord({ mapId: 1, map: "m", settings }) },
    { key: canisterRecordKey(1), value: encodeCanisterRecord(canister) },
  ],
  deletes: [],
};
const cut = { high: 0x40000000, low: 0 };

describe("the view of the records", () => {
  test("has the rings that the records make, and follows splits and drops", async () => {
    const meta = new MemoryMetaStore();
    const view = await RecordView.open(meta, new ManualClock());
    await meta.commit(createMap);
    const before = (await view.refresh()).ring(1);
    assert.deepEqual([before.version, before.size], [1, 1]);
    const parent = view.table.canistersOf(1)[0];
    assert.ok(parent !== undefined);
    const split = planSplit(parent, 2, cut, 10);
    const { revision } = await meta.commit(split.transaction);
    const after = (await view.refresh()).ring(1);
    assert.equal(after.version, revision);
    assert.deepEqual(
      after.entries().map(({ canisterId, range }) => [canisterId, range.start.high]),
      [
        [1, 0],
        [2, cut.high],
      ],
    );
    assert.deepEqual(split.child.origin, { parentId: 1, sequence: 10 });
    assert.deepEqual([split.parent.epoch, split.child.epoch], [2, 2]);
    await meta.commit({ compares: [], puts: [], deletes: [mapRecordKey("m"), canisterRecordKey(1), canisterRecordKey(2)] });
    assert.deepEqual((await view.refresh()).mapNames(), []);
    assert.throws(() => view.table.ring(1), code("MAP_NOT_FOUND"));
  });

  test("the transaction of a split holds once only", async () => {
    const meta = new MemoryMetaStore();
    const { revision } = await meta.commit(createMap);
    const parent = { record: canister, revision };
    assert.equal((await meta.commit(planSplit(parent, 2, cut, 0).transaction)).committed, true);
    assert.equal((await meta.commit(planSplit(parent, 3, cut, 0).transaction)).committed, false);
    assert.throws(() => planSplit(parent, 4, wholeTokenSpace.start, 0), code("INVALID_ARGUMENT"));
  });

  test("refresh does not rest on the watch: where that is silent it reads everything anew", async () => {
    const clock = new ManualClock();
    const meta = new MemoryMetaStore({ deferWatch: () => undefined });
    const view = await RecordView.open(meta, clock);
    await meta.commit(createMap);
    const refreshed = view.refresh();
    await settle();
    assert.deepEqual(view.table.mapNames(), []);
    await clock.advanceAndSettle(1_000);
    assert.deepEqual((await refreshed).mapNames(), ["m"]);
    assert.equal(clock.pendingTimers, 0);
  });

  test("a record that cannot be read makes every later call fail with its error", async () => {
    const meta = new MemoryMetaStore();
    const view = await RecordView.open(meta, new ManualClock());
    await meta.commit({ compares: [], puts: [{ key: mapRecordKey("m"), value: Buffer.from("{}") }], deletes: [] });
    await assert.rejects(view.refresh(), code("STORAGE_CORRUPT"));
    await assert.rejects(RecordView.open(meta, new ManualClock()), code("STORAGE_CORRUPT"));
  });

  test("a closed view fails with SHUTTING_DOWN, also for those who wait for it", async () => {
    const meta = new MemoryMetaStore({ deferWatch: () => undefined });
    const view = await RecordView.open(meta, new ManualClock());
    await meta.commit(createMap);
    const waiting = assert.rejects(view.refresh(), code("SHUTTING_DOWN"));
    await settle();
    view.close();
    await waiting;
    assert.throws(() => view.table, code("SHUTTING_DOWN"));
  });
});

describe("registration of a replica", () => {
  test("writes its address, and again only where it changed", async () => {
    const meta = new MemoryMetaStore();
    const view = await RecordView.open(meta, new ManualClock());
    for (const address of ["127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:2"]) await registerReplica(meta, { replicaId: "r1", address });
    const table = await view.refresh();
    assert.deepEqual(table.replicas(), [{ replicaId: "r1", address: "127.0.0.1:2" }]);
    assert.equal(table.revision, 2);
  });
});
