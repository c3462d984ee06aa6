import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { wholeTokenSpace } from "../../src/ring/hash-range.js";
import type { CanisterState, CanisterStatus } from "../../src/ring/topology.js";
import { defaultPlannerSettings as settings, needsSplit, planSplits } from "../../src/router/split-planner.js";
import type { ClusterView, SplitOperator } from "../../src/router/split-planner.js";

function status(canisterId: number, bytes: number, more: Partial<CanisterStatus> = {}): CanisterStatus {
  return {
    canisterId,
    mapId: 1,
    map: "m",
    range: wholeTokenSpace,
    epoch: 1,
    replicaId: "r1",
    state: "serving",
    entries: 10,
    bytes,
    capBytes: 1_000,
    sequence: 0,
    unsplittable: false,
    writesWaiting: false,
    ...more,
  };
}

function view(canisters: readonly CanisterStatus[], more: Partial<ClusterView> = {}): ClusterView {
  return { canisters, pending: [], unsplittableBytes: new Map(), restsUntilMs: new Map(), nowMs: 0, ...more };
}

const split = (canisterId: number, replicaId = "r1"): SplitOperator => ({ kind: "split", canisterId, replicaId });
const planned = (cluster: ClusterView): number[] => planSplits(cluster, settings).map(({ canisterId }) => canisterId);

describe("the split planner", () => {
  test("splits at three quarters of the cap, and not below", () => {
    assert.deepEqual(planned(view([status(1, 749), status(2, 750), status(3, 0)])), [2]);
  });

  test("takes those with waiting updates first, then the fullest by part of the cap (defect 13: not by size only)", () => {
    const larger = status(1, 40_000, { capBytes: 50_000 });
    const canisters = [larger, status(2, 900), status(3, 760), status(4, 400, { writesWaiting: true })];
    assert.deepEqual(planned(view(canisters)), [4, 2, 1, 3]);
  });

  test("plans several at once, up to the bound of each replica (defect 13: not one at a time)", () => {
    const canisters = Array.from({ length: 12 }, (_, i) => status(i + 1, 1_000 - i, { replicaId: i < 6 ? "r1" : "r2" }));
    assert.deepEqual(planned(view(canisters)), [1, 2, 3, 4, 7, 8, 9, 10]);
    assert.deepEqual(planned(view(canisters, { pending: [split(1), split(2), split(99), split(7, "r2")] })), [3, 8, 9, 10]);
  });

  test("leaves an unsplittable canister alone until its bytes have changed by a tenth, up or down", () => {
    const unsplittableBytes = new Map([[1, 1_000]]);
    for (const bytes of [901, 1_000, 1_099]) assert.deepEqual(planned(view([status(1, bytes)], { unsplittableBytes })), []);
    for (const bytes of [900, 1_100]) assert.deepEqual(planned(view([status(1, bytes)], { unsplittableBytes })), [1]);
    assert.deepEqual(planned(view([status(1, 1_000, { writesWaiting: true, unsplittable: true })], { unsplittableBytes })), []);
    assert.deepEqual(
      planned(view([status(1, 0, { writesWaiting: true, unsplittable: true })], { unsplittableBytes: new Map([[1, 0]]) })),
      [],
    );
  });

  test("tries a canister again at once where updates wait and an entry came since it was unsplittable", () => {
    const unsplittableBytes = new Map([[1, 1_000]]);
    assert.deepEqual(planned(view([status(1, 1_000, { writesWaiting: true, unsplittable: false })], { unsplittableBytes })), [1]);
  });

  test("lets a canister rest whose split has just failed", () => {
    const restsUntilMs = new Map([[1, 100]]);
    assert.deepEqual(planned(view([status(1, 900)], { restsUntilMs, nowMs: 99 })), []);
    assert.deepEqual(planned(view([status(1, 900)], { restsUntilMs, nowMs: 100 })), [1]);
  });

  test("asks nothing of a canister that is not serving", () => {
    const states: readonly CanisterState[] = ["opening", "frozen", "stopping", "stopped"];
    assert.deepEqual(planned(view(states.map((state, i) => status(i + 1, 900, { state })))), []);
  });
});

const state = fc.constantFrom<CanisterState>("serving", "serving", "serving", "frozen", "stopped");
const canister = fc.record({ bytes: fc.integer({ min: 0, max: 1_000 }), replica: fc.nat(2), state, writesWaiting: fc.boolean() });
const cluster = fc
  .record({
    canisters: fc.array(canister, { maxLength: 25 }),
    pending: fc.uniqueArray(fc.integer({ min: 1, max: 25 }), { maxLength: 5 }),
    seed: fc.nat(100),
  })
  .map(({ canisters, pending, seed }): ClusterView => {
    const statuses = canisters.map(({ bytes, replica, ...more }, i) => status(i + 1, bytes, { replicaId: `r${replica}`, ...more }));
    const operators = pending.map((canisterId) => split(canisterId, statuses[canisterId - 1]?.replicaId ?? "r0"));
    const tried = statuses.filter((_, i) => (i + seed) % 5 === 0);
    const resting = statuses.filter((_, i) => (i + seed) % 7 === 0);
    return view(statuses, {
      pending: operators,
      unsplittableBytes: new Map(tried.map(({ canisterId, bytes }, i) => [canisterId, bytes + ((i * 37) % 300)])),
      restsUntilMs: new Map(resting.map(({ canisterId }, i) => [canisterId, i * 10])),
      nowMs: seed,
    });
  });

describe("every plan", () => {
  const run = (law: (cluster: ClusterView) => void): void => fc.assert(fc.property(cluster, law), { seed: 17, numRuns: 500 });

  test("has at most one operator for a canister, and none where one is under way", () => {
    run((current) => {
      const ids = [...current.pending, ...planSplits(current, settings)].map(({ canisterId }) => canisterId);
      assert.equal(new Set(ids).size, ids.length);
    });
  });

  test("has every canister that needs a split, unless it is unsplittable, rests, does not serve, or the bound is reached", () => {
    run((current) => {
      const operators = planSplits(current, settings);
      const underWay = [...current.pending, ...operators];
      for (const one of current.canisters) {
        const isPlanned = underWay.some(({ canisterId }) => canisterId === one.canisterId);
        const tried = current.unsplittableBytes.get(one.canisterId);
        const excused =
          one.state !== "serving" ||
          (tried !== undefined && Math.abs(one.bytes - tried) < Math.max(1, tried / 10)) ||
          (current.restsUntilMs.get(one.canisterId) ?? 0) > current.nowMs ||
          underWay.filter(({ replicaId }) => replicaId === one.replicaId).length >= settings.splitsPerReplicaMax;
        if (needsSplit(one, settings)) assert.ok(isPlanned || excused, `canister ${one.canisterId} is not planned`);
        else assert.ok(!operators.some(({ canisterId }) => canisterId === one.canisterId));
      }
    });
  });

  test("keeps the bound of every replica", () => {
    run((current) => {
      const operators = planSplits(current, settings);
      for (const replicaId of ["r0", "r1", "r2"]) {
        const mine = (list: readonly SplitOperator[]): number => list.filter((operator) => operator.replicaId === replicaId).length;
        assert.ok(mine(operators) === 0 || mine(operators) + mine(current.pending) <= settings.splitsPerReplicaMax);
      }
    });
  });

  test("depends on nothing but the view, not even on the order of the canisters, and leaves it as it was", () => {
    run((current) => {
      const before = structuredClone(current);
      const operators = planSplits(current, settings);
      assert.deepEqual(current, before);
      assert.deepEqual(planSplits({ ...current, canisters: [...current.canisters].reverse() }, settings), operators);
    });
  });

  test("is complete: with its operators under way nothing is added, with their effects done nothing is left to do for them", () => {
    run((current) => {
      const operators = planSplits(current, settings);
      assert.deepEqual(planSplits({ ...current, pending: [...current.pending, ...operators] }, settings), []);
      const done = new Set(operators.map(({ canisterId }) => canisterId));
      const halved = (one: CanisterStatus): CanisterStatus => ({ ...one, bytes: one.bytes / 2, writesWaiting: false });
      const after = current.canisters.map((one) => (done.has(one.canisterId) ? halved(one) : one));
      const next = planSplits({ ...current, canisters: after }, settings);
      assert.ok(!next.some(({ canisterId }) => done.has(canisterId)));
    });
  });
});
