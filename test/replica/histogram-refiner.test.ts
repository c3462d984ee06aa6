import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { seededRandom } from "../../src/base/random.js";
import { Accounting } from "../../src/canister/accounting.js";
import { decodeCanisterRow } from "../../src/canister/accounting-rows.js";
import { utf8 } from "../../src/client/codec.js";
import { openEmbedded } from "../../src/server/embedded.js";
import { canisterKey } from "../../src/storage/key-layout.js";
import { MemoryDisk } from "../../src/storage/memory-disk.js";
import { MemoryEngine } from "../../src/storage/memory-engine.js";
import { evenRanges } from "../../src/ring/hash-range.js";

test("a histogram that splits have left with few cells is coarse, a fresh one is not", () => {
  const whole = new Accounting({ start: { high: 0, low: 0 }, end: { high: 2 ** 32, low: 0 } });
  assert.equal(whole.isCoarse, false);
  const [thirtySecond] = evenRanges(32);
  assert.ok(thirtySecond !== undefined);
  const part = whole.cutTo(thirtySecond, { entries: 0, bytes: 0 });
  assert.equal(part.cells, 8);
  assert.equal(part.isCoarse, true);
  assert.equal(new Accounting(thirtySecond).isCoarse, false);
});

test("splits of many generations under load stay even and exact", async () => {
  const disk = new MemoryDisk();
  const bigmap = await openEmbedded({ dataDir: "unused", memoryBytes: limits.memoryMinBytes }, new MemoryEngine(disk));
  await bigmap.createMap("deep", { initialCanisters: 1 });
  const map = bigmap.map("deep", { value: utf8 });
  const random = seededRandom(7);
  const model = new Map<string, string>();
  const putSome = async (count: number): Promise<void> => {
    const puts: Promise<unknown>[] = [];
    for (let i = 0; i < count; i++) {
      const key = `key-${random.below(4_000)}`;
      const value = "v".repeat(random.below(200));
      model.set(key, value);
      puts.push(map.put(key, value));
    }
    await Promise.all(puts);
  };
  await putSome(4_000);
  // Nine generations along the left edge: without a new histogram none of the last cuts could fall on the grid.
  for (let generation = 0; generation < 9; generation++) {
    const [leftmost] = (await bigmap.topology("deep")).canisters;
    assert.ok(leftmost !== undefined);
    const load = putSome(500);
    await bigmap.splitCanister(leftmost.canisterId);
    await load;
    const [left, right] = (await bigmap.topology("deep")).canisters;
    assert.ok(left !== undefined && right !== undefined);
    assert.ok(Math.min(left.bytes, right.bytes) >= 0.2 * (left.bytes + right.bytes), `${left.bytes} B and ${right.bytes} B`);
  }
  const stats = await map.stats();
  const bytes = [...model].reduce((sum, [key, value]) => sum + key.length + value.length + limits.entryOverheadBytes, 0);
  assert.deepEqual([stats.entries, stats.bytes], [model.size, bytes]);
  const { canisters } = await bigmap.topology("deep");
  await bigmap.close();
  const engine = new MemoryEngine(disk);
  for (const { canisterId } of canisters) {
    const [row] = await engine.getMany([canisterKey(canisterId)]);
    assert.ok(row !== undefined);
    assert.equal(decodeCanisterRow(row).accounting.isCoarse, false, `canister ${canisterId}`);
  }
});
