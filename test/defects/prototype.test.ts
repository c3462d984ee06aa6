import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { seededRandom } from "../../src/base/random.js";
import type { BigMap } from "../../src/client/bigmap.js";
import { utf8 } from "../../src/client/codec.js";
import type { MapHandle } from "../../src/client/map-handle.js";
import { Ring } from "../../src/ring/ring.js";
import { evenRanges, tokenSpaceEnd } from "../../src/ring/hash-range.js";
import { openEmbedded } from "../../src/server/embedded.js";
import { MemoryDisk } from "../../src/storage/memory-disk.js";
import { MemoryEngine } from "../../src/storage/memory-engine.js";
import { NodeUnderTest, keepLoopAlive, put } from "../replica/node-under-test.js";

/*
 * The defects of the only public BigMap prototype (2020), one test each: it would fail if we had the defect. Splits here are
 * real ones, of canisters with the smallest cap, under concurrent load.
 */
interface OpenMap {
  readonly bigmap: BigMap;
  readonly map: MapHandle<string, string>;
  readonly disk: MemoryDisk;
}

async function openMap(initialCanisters = 1, canisterCapBytes: number = limits.canisterCapMinBytes): Promise<OpenMap> {
  const disk = new MemoryDisk();
  const options = { dataDir: "unused", canisterCapBytes: limits.canisterCapMinBytes, memoryBytes: limits.memoryMinBytes };
  const bigmap = await openEmbedded(options, new MemoryEngine(disk));
  await bigmap.createMap("m", { initialCanisters, canisterCapBytes });
  return { bigmap, map: bigmap.map("m", { value: utf8 }), disk };
}

async function canistersOf(bigmap: BigMap): Promise<number> {
  return (await bigmap.topology("m")).canisters.length;
}

/** Writes filling entries, which make the canisters split, until there are this many canisters; `between` runs each time. */
async function fillUntil(open: OpenMap, canisters: number, between: () => Promise<void>): Promise<void> {
  for (let i = 0; (await canistersOf(open.bigmap)) < canisters; i++) {
    const filling = Promise.all(Array.from({ length: 10 }, (_, j) => open.map.put(`filling-${i}-${j}`, "f".repeat(2_000))));
    await between();
    await filling;
  }
}

const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);

describe("the prototype's defects", () => {
  keepLoopAlive();

  test("defect 1: reads during a split never find a key absent", async () => {
    const open = await openMap();
    await open.map.putMany(keys.map((key) => [key, `value of ${key}`]));
    await fillUntil(open, 12, async () => {
      assert.deepEqual(
        await open.map.getMany(keys),
        keys.map((key) => `value of ${key}`),
      );
    });
    await open.bigmap.close();
  });

  test("defect 2: a put during a split is not overwritten by the value that was there before", async () => {
    const open = await openMap();
    let round = 0;
    await fillUntil(open, 12, async () => {
      round++;
      await Promise.all(keys.map((key) => open.map.put(key, `round ${round}`)));
      assert.deepEqual(
        await open.map.getMany(keys),
        keys.map(() => `round ${round}`),
      );
    });
    assert.deepEqual(
      await open.map.getMany(keys),
      keys.map(() => `round ${round}`),
    );
    await open.bigmap.close();
  });

  test("defect 3: a delete during a split is carried out, and the key does not come back", async () => {
    const open = await openMap();
    await fillUntil(open, 12, async () => {
      await open.map.putMany(keys.map((key) => [key, "here"]));
      const deleted = await Promise.all(keys.map((key) => open.map.delete(key)));
      assert.ok(deleted.every((existed) => existed));
      assert.deepEqual(
        await open.map.getMany(keys),
        keys.map(() => undefined),
      );
    });
    for await (const { key } of open.map.scan()) assert.ok(key.startsWith("filling"), key);
    await open.bigmap.close();
  });

  test("defect 4: entries of any size are split, the largest beside the smallest, and none is stranded", async () => {
    const open = await openMap();
    const random = seededRandom(4);
    const expected = new Map<string, string>();
    for (let i = 0; i < 60; i++) {
      const value = "v".repeat(random.below(3) === 0 ? 40_000 : random.below(200));
      expected.set(`key-${i}`, value);
      await open.map.put(`key-${i}`, value);
    }
    const found = new Map<string, string>();
    for await (const { key, value } of open.map.scan()) found.set(key, value);
    assert.deepEqual(found, expected);
    assert.ok((await canistersOf(open.bigmap)) > 10);
    await open.bigmap.close();
  });

  test("defect 5: both halves of a split hold together exactly the entries and bytes from before", async () => {
    // The cap is far away: only the splits that are asked for here happen.
    const open = await openMap(1, 16 * 2 ** 20);
    await open.map.putMany(Array.from({ length: 300 }, (_, i) => [`key-${i}`, "v".repeat(i)] as const));
    const before = await open.map.stats();
    for (let i = 0; i < 20; i++) {
      const { canisters } = await open.bigmap.topology("m");
      const fullest = [...canisters].sort((left, right) => right.bytes - left.bytes)[0];
      const { leftId, rightId } = await open.bigmap.splitCanister(fullest?.canisterId ?? 0);
      const after = (await open.bigmap.topology("m")).canisters.filter(({ canisterId }) => canisterId === leftId || canisterId === rightId);
      assert.equal(
        after.reduce((sum, { entries }) => sum + entries, 0),
        fullest?.entries,
      );
      assert.equal(
        after.reduce((sum, { bytes }) => sum + bytes, 0),
        fullest?.bytes,
      );
    }
    const { entries, bytes } = await open.map.stats();
    assert.deepEqual({ entries, bytes }, { entries: before.entries, bytes: before.bytes });
    await open.bigmap.close();
  });

  test("defect 6: a split that fails in the middle leaves nothing behind that stops the next one", async () => {
    let failures = 0;
    const subject = await NodeUnderTest.open({
      faults: { reach: (point) => void (point === "split.drained" && ++failures <= 3 && subject.disk.crash()) },
    });
    await subject.node.router.createMap("m", { initialCanisters: 1 });
    await subject.ask([put("a", "1"), put("b", "1")]);
    for (let attempt = 1; attempt <= 4; attempt++) {
      const split = subject.node.router.splitCanister(subject.canisters()[0]?.canisterId ?? 0, undefined);
      if (attempt === 4) await split;
      else {
        await assert.rejects(split);
        await subject.crash();
        assert.equal(subject.canisters()[0]?.state, "serving");
      }
    }
    assert.equal(subject.canisters().length, 2);
    await subject.expectSound();
    await subject.node.close();
  });

  test("defect 7: a ring grows past 129 canisters, and far beyond, without losing its order", async () => {
    for (const count of [128, 129, 130, 4_096]) {
      const ring = new Ring(
        1,
        evenRanges(count).map((range, i) => ({ range, canisterId: i + 1, replicaId: "r" })),
      );
      for (let i = 0; i < count; i++) {
        const { start } = ring.rangeAt(i);
        assert.equal(ring.indexOf(start.high, start.low), i);
      }
    }
    const open = await openMap(128);
    await open.map.putMany(keys.map((key) => [key, key]));
    for (let i = 0; i < 20; i++) {
      const { canisters } = await open.bigmap.topology("m");
      const splittable = canisters.find(({ entries }) => entries > 1);
      if (splittable !== undefined) await open.bigmap.splitCanister(splittable.canisterId);
      await open.map.putMany(Array.from({ length: 30 }, (_, j) => [`more-${i}-${j}`, "m"] as const));
      assert.deepEqual(await open.map.getMany(keys), keys);
    }
    assert.ok((await canistersOf(open.bigmap)) > 140);
    await open.bigmap.close();
  });

  test("defect 8: every token has an owner, the first and the last of each range and of all too", async () => {
    const open = await openMap(3);
    await fillUntil(open, 8, async () => undefined);
    const { ring } = await open.bigmap.ring("m");
    for (let i = 0; i < ring.size; i++) {
      const { start, end } = ring.rangeAt(i);
      assert.equal(ring.indexOf(start.high, start.low), i);
      const last = end.low > 0 ? { high: end.high, low: end.low - 1 } : { high: end.high - 1, low: 2 ** 32 - 1 };
      assert.equal(ring.indexOf(last.high, last.low), i);
    }
    assert.deepEqual(ring.rangeAt(ring.size - 1).end, tokenSpaceEnd);
    await open.bigmap.close();
  });

  test("defect 9: overwriting, growing, shrinking and deleting count every byte once", async () => {
    const open = await openMap();
    const random = seededRandom(9);
    const lengths = new Map<string, number>();
    for (let i = 0; i < 30; i++) {
      const updates = Array.from({ length: 40 }, () => ({
        key: `key-${random.below(50)}`,
        length: random.below(4) === 0 ? undefined : random.below(3_000),
      }));
      await Promise.all(
        updates.map(({ key, length }) => (length === undefined ? open.map.delete(key) : open.map.put(key, "v".repeat(length)))),
      );
      for (const { key, length } of updates) {
        if (length === undefined) lengths.delete(key);
        else lengths.set(key, length);
      }
      const bytes = [...lengths].reduce((sum, [key, length]) => sum + key.length + length + limits.entryOverheadBytes, 0);
      const stats = await open.map.stats();
      assert.deepEqual({ entries: stats.entries, bytes: stats.bytes }, { entries: lengths.size, bytes });
    }
    await open.bigmap.close();
  });

  test("defect 10: an empty value is a success with a version, and a failure is an error; a batch stops half-way nowhere", async () => {
    const open = await openMap();
    assert.ok((await open.map.put("empty", "")) > 0);
    assert.equal(await open.map.get("empty"), "");
    assert.equal(await open.map.get("absent"), undefined);
    await assert.rejects(open.map.put("empty", "x", { ifAbsent: true }), { code: "CONDITION_FAILED" });
    const outcomes = await open.map.write([
      { key: "a", put: "1" },
      { key: "empty", put: "2", ifAbsent: true },
      { key: "b", put: "3" },
    ]);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.ok ? "done" : outcome.error.code)),
      ["BATCH_ABORTED", "CONDITION_FAILED", "BATCH_ABORTED"],
    );
    assert.deepEqual(await open.map.getMany(["a", "empty", "b"]), [undefined, "", undefined]);
    await open.bigmap.close();
  });

  test("defect 13: canisters split at the point that halves the bytes, several at once, and nothing is copied", async () => {
    const subject = await NodeUnderTest.open();
    await subject.node.router.createMap("m", { initialCanisters: 4 });
    // Far more entries than bytes on the one side: half of the range would not be half of the bytes.
    const sizes = Array.from({ length: 160 }, (_, i) => (i % 8 === 0 ? 3_000 : 20));
    await subject.ask(sizes.map((size, i) => put(`key-${i}`, Buffer.alloc(size))));
    const before = subject.canisters();
    const splits = await Promise.all(before.map(({ canisterId }) => subject.node.router.splitCanister(canisterId, undefined)));
    assert.equal(splits.length, 4);
    for (const { leftId, rightId } of splits) {
      const [left, right] = [leftId, rightId].map((id) => subject.node.replica.canisterStatus(id).bytes) as [number, number];
      assert.ok(Math.min(left, right) >= (left + right) / 5, `${left} B and ${right} B`);
    }
    await subject.expectSound();
    await subject.node.close();
  });

  test("defect 14: a listing goes past 10,000 keys to the end, and everything survives a restart", async () => {
    const { disk, ...open } = await openMap();
    const count = 12_000;
    await open.map.putMany(Array.from({ length: count }, (_, i) => [`key-${i}`, ""] as const));
    await open.bigmap.close();
    const options = { dataDir: "unused", canisterCapBytes: limits.canisterCapMinBytes, memoryBytes: limits.memoryMinBytes };
    const bigmap = await openEmbedded(options, new MemoryEngine(disk));
    const listed = new Set<string>();
    for await (const { key } of bigmap.map("m").scan({ keysOnly: true })) listed.add(key);
    assert.equal(listed.size, count);
    assert.equal((await bigmap.map("m").stats()).entries, count);
    await bigmap.close();
  });
});
