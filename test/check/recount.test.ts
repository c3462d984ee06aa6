import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { limits } from "../../src/base/limits.js";
import { evenRanges, rangeContains, type HashRange } from "../../src/ring/hash-range.js";
import { tokenOf } from "../../src/ring/token.js";
import type { CanisterStatus } from "../../src/ring/topology.js";
import { recount, type CountedEntry } from "./recount.js";

const entries: CountedEntry[] = Array.from({ length: 100 }, (_, i) => ({ key: Buffer.from(`key-${i}`), value: Buffer.alloc(i) }));

async function* scanOf(list: readonly CountedEntry[]): AsyncIterable<CountedEntry> {
  yield* list;
}

function canisterOf(range: HashRange, canisterId: number, capBytes = 1e6): CanisterStatus {
  const own = entries.filter(({ key }) => rangeContains(range, tokenOf(key).high, tokenOf(key).low));
  const bytes = own.reduce((sum, { key, value }) => sum + key.length + value.length + limits.entryOverheadBytes, 0);
  const state = { state: "serving", unsplittable: false, writesWaiting: false } as const;
  return { canisterId, mapId: 1, map: "m", range, epoch: 1, replicaId: "r", entries: own.length, bytes, capBytes, sequence: 1, ...state };
}

const canisters = evenRanges(4).map((range, i) => canisterOf(range, i + 1));

describe("recount", () => {
  test("finds no difference where the counters are exact", async () => {
    assert.deepEqual(await recount(scanOf(entries), canisters.toReversed()), []);
  });

  test("finds a missing entry, a key scanned twice, and a counter that is off by one", async () => {
    assert.equal((await recount(scanOf(entries.slice(1)), canisters)).length, 2);
    assert.match((await recount(scanOf([...entries, ...entries.slice(0, 1)]), canisters)).join(), /twice/);
    const wrong = canisters.map((canister, i) => (i === 2 ? { ...canister, bytes: canister.bytes + 1 } : canister));
    assert.match((await recount(scanOf(entries), wrong)).join(), /canister 3 .* bytes/);
  });

  test("finds a gap, an overlap, and a canister over its cap", async () => {
    assert.match((await recount(scanOf([]), [])).join(), /end of the token space/);
    assert.match((await recount(scanOf(entries), canisters.slice(0, 3))).join(), /end of the token space/);
    assert.match((await recount(scanOf(entries), [...canisters, ...canisters.slice(1, 2)])).join(), /gap or an overlap/);
    const small = evenRanges(4).map((range, i) => canisterOf(range, i + 1, 100));
    assert.match((await recount(scanOf(entries), small)).join(), /over its cap of 100/);
  });
});
