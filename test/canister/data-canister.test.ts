import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { operationCondition } from "../../src/base/operation-batch.js";
import { Accounting } from "../../src/canister/accounting.js";
import { DataCanister, refusal } from "../../src/canister/data-canister.js";
import { wholeTokenSpace } from "../../src/ring/hash-range.js";
import type { CanisterState } from "../../src/ring/topology.js";

const { always, ifAbsent, ifVersion } = operationCondition;

function openCanister(capBytes: number): DataCanister {
  return new DataCanister({ canisterId: 1, mapId: 1, map: "m", capBytes, epoch: 1 }, new Accounting(wholeTokenSpace), 0);
}

/** Leads a fresh canister into the state. */
function canisterIn(state: CanisterState): DataCanister {
  const canister = openCanister(1_000);
  const road: Record<CanisterState, readonly CanisterState[]> = {
    opening: [],
    serving: ["serving"],
    frozen: ["serving", "frozen"],
    stopping: ["serving", "stopping"],
    stopped: ["serving", "stopping", "stopped"],
  };
  for (const next of road[state]) canister.become(next);
  return canister;
}

describe("the life of a data canister", () => {
  const allowed: Record<CanisterState, readonly CanisterState[]> = {
    opening: ["serving", "stopped"],
    serving: ["frozen", "stopping"],
    frozen: ["serving", "stopping"],
    stopping: ["stopped"],
    stopped: ["serving"],
  };
  const states = Object.keys(allowed) as CanisterState[];

  test("begins with opening", () => assert.equal(openCanister(1_000).state, "opening"));

  for (const from of states) {
    test(`from ${from} leads to ${allowed[from].join(" or ")} and nowhere else`, () => {
      for (const next of states) {
        const canister = canisterIn(from);
        if (allowed[from].includes(next)) {
          canister.become(next);
          assert.equal(canister.state, next);
        } else {
          assert.throws(() => canister.become(next), { code: "CANISTER_BUSY" });
          assert.equal(canister.state, from);
        }
      }
    });
  }
});

describe("the conditions of an update", () => {
  const cases: { condition: number; named: number; prior: number; holds: boolean }[] = [
    { condition: always, named: 0, prior: 0, holds: true },
    { condition: always, named: 0, prior: 4, holds: true },
    { condition: ifAbsent, named: 0, prior: 0, holds: true },
    { condition: ifAbsent, named: 0, prior: 4, holds: false },
    { condition: ifVersion, named: 4, prior: 4, holds: true },
    { condition: ifVersion, named: 3, prior: 4, holds: false },
    { condition: ifVersion, named: 4, prior: 0, holds: false },
    { condition: ifVersion, named: 0, prior: 0, holds: false },
  ];
  for (const { condition, named, prior, holds } of cases) {
    test(`condition ${condition} naming ${named} on an entry of version ${prior} ${holds ? "holds" : "does not hold"}`, () => {
      const canister = openCanister(1_000);
      if (prior !== 0) canister.accounting.add(0, 1, 50);
      const put = canister.decidePut(0, condition, named, prior, prior === 0 ? 0 : 50, 60);
      assert.equal(put, holds ? 1 : refusal.conditionFailed);
      const other = openCanister(1_000);
      if (prior !== 0) other.accounting.add(0, 1, 50);
      const expected = !holds ? refusal.conditionFailed : prior === 0 ? refusal.nothingToDelete : 1;
      assert.equal(other.decideDelete(0, condition, named, prior, prior === 0 ? 0 : 50), expected);
    });
  }

  test("a refused update has no number and changes no count", () => {
    const canister = openCanister(100);
    assert.equal(canister.decidePut(0, always, 0, 0, 0, 101), refusal.full);
    assert.equal(canister.decidePut(0, ifVersion, 1, 0, 0, 50), refusal.conditionFailed);
    assert.equal(canister.decideDelete(0, always, 0, 0, 0), refusal.nothingToDelete);
    assert.deepEqual([canister.sequence, canister.accounting.entries, canister.accounting.bytes], [0, 0, 0]);
  });
});

interface Entry {
  readonly version: number;
  readonly bytes: number;
}

describe("the decisions of a data canister", () => {
  const step = fc.record({
    key: fc.nat({ max: 9 }),
    kind: fc.constantFrom("put", "put", "put", "delete", "undo"),
    bytes: fc.integer({ min: 33, max: 700 }),
  });

  test("count exactly, never pass the cap by one byte, number updates in order, and are taken back without a trace", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 500, max: 3_000 }), (steps, capBytes) => {
        const canister = openCanister(capBytes);
        const entries = new Map<number, Entry>();
        let last: { key: number; before: Entry | undefined } | undefined;
        for (const { key, kind, bytes } of steps) {
          const high = key * 400_000_000;
          const before = entries.get(key);
          const sum = [...entries.values()].reduce((total, entry) => total + entry.bytes, 0);
          if (kind === "undo") {
            if (last === undefined) continue;
            const now = entries.get(last.key);
            canister.undo(
              last.key * 400_000_000,
              Number(now !== undefined) - Number(last.before !== undefined),
              (now?.bytes ?? 0) - (last.before?.bytes ?? 0),
            );
            if (last.before === undefined) entries.delete(last.key);
            else entries.set(last.key, last.before);
            last = undefined;
          } else if (kind === "put") {
            const fits = sum - (before?.bytes ?? 0) + bytes <= capBytes;
            const next = canister.sequence + 1;
            assert.equal(canister.decidePut(high, always, 0, before?.version ?? 0, before?.bytes ?? 0, bytes), fits ? next : refusal.full);
            if (!fits) continue;
            entries.set(key, { version: next, bytes });
            last = { key, before };
          } else if (canister.decideDelete(high, always, 0, before?.version ?? 0, before?.bytes ?? 0) > 0) {
            entries.delete(key);
            last = { key, before };
          }
          const counted = [...entries.values()].reduce((total, entry) => total + entry.bytes, 0);
          assert.deepEqual([canister.accounting.entries, canister.accounting.bytes], [entries.size, counted]);
          assert.ok(canister.accounting.bytes <= capBytes);
        }
      }),
      { seed: 20_261_128, numRuns: 500 },
    );
  });

  test("fill the cap to the last byte", () => {
    const canister = openCanister(1_000);
    assert.equal(canister.decidePut(0, always, 0, 0, 0, 999), 1);
    assert.equal(canister.decidePut(0, always, 0, 0, 0, 2), refusal.full);
    assert.equal(canister.decidePut(0, always, 0, 0, 0, 1), 2);
    assert.equal(canister.decidePut(0, always, 0, 1, 999, 1_000), refusal.full);
    assert.equal(canister.decidePut(0, always, 0, 1, 999, 999), 3);
  });

  test("show as committed only what was marked so", () => {
    const canister = openCanister(1_000);
    canister.decidePut(0, always, 0, 0, 0, 100);
    assert.deepEqual([canister.committedEntries, canister.committedBytes, canister.committedSequence], [0, 0, 0]);
    canister.markCommitted(1, 100, 1);
    assert.deepEqual([canister.committedEntries, canister.committedBytes, canister.committedSequence], [1, 100, 1]);
  });

  test("forget that no split helps when an entry is added, and not when one is replaced or deleted", () => {
    const canister = openCanister(1_000);
    canister.decidePut(0, always, 0, 0, 0, 100);
    canister.onlyToken = { high: 1, low: 1 };
    canister.decidePut(0, always, 0, 1, 100, 200);
    assert.equal(canister.unsplittable, true);
    canister.decidePut(5, always, 0, 0, 0, 100);
    assert.equal(canister.unsplittable, false);
    canister.onlyToken = { high: 1, low: 1 };
    canister.decideDelete(5, always, 0, 3, 100);
    assert.equal(canister.unsplittable, true);
  });
});
