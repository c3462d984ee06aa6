import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import { utf8 } from "../../src/client/codec.js";
import type { MapHandle } from "../../src/client/map-handle.js";
import { MapModel, modelOperations } from "./map-model.js";
import { NodeUnderTest, get, put, putIfAbsent, settleAll } from "./node-under-test.js";
import { SurveyedNode } from "./surveyed-node.js";

const keys = Array.from({ length: 10 }, (_, i) => `key-${i}`);
const key = fc.constantFrom(...keys);
/** More than the entry cache keeps: every look-up of a stored entry must pass the absence filter. A survey's step reads one of them. */
const value = fc.nat({ max: 999 }).map((number) => `${number}`.padEnd(265_000, "."));

const operation = modelOperations(key, value);
const burst = fc.array(operation, { minLength: 1, maxLength: 8 });
const step = fc.oneof(
  { weight: 8, arbitrary: burst.map((operations) => ({ kind: "burst" as const, operations })) },
  { weight: 2, arbitrary: burst.map((operations) => ({ kind: "split all under load" as const, operations })) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("atomic" as const), chosen: fc.uniqueArray(key, { minLength: 2 }), value }) },
  { weight: 4, arbitrary: fc.constant({ kind: "survey goes on" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "clear" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "crash" as const }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A map on a node whose survey goes on only when the steps say so, beside its model. */
class MapUnderSurvey {
  readonly model = new MapModel();
  readonly subject: NodeUnderTest;

  private constructor(readonly surveyed: SurveyedNode) {
    this.subject = surveyed.subject;
  }

  static async open(): Promise<MapUnderSurvey> {
    const map = new MapUnderSurvey(await SurveyedNode.open());
    await map.subject.node.router.createMap("m", { initialCanisters: 1 });
    return map;
  }

  get handle(): MapHandle<string, string> {
    return this.subject.client(1).map("m", { value: utf8 });
  }

  async run(step: Step): Promise<void> {
    const { handle, model, subject } = this;
    if (step.kind === "burst") await model.runBurst(handle, step.operations);
    else if (step.kind === "split all under load") await Promise.all([this.#splitAll(), model.runBurst(handle, step.operations)]);
    else if (step.kind === "atomic") await this.#putAtOnce(step.chosen, step.value);
    else if (step.kind === "survey goes on") await this.surveyed.goOn();
    else if (step.kind === "restart") await subject.restart();
    else if (step.kind === "crash") await subject.crash();
    else {
      assert.equal(await handle.clear(), model.entries.size);
      model.entries.clear();
    }
  }

  async #splitAll(): Promise<void> {
    const splits = this.subject.canisters().map(({ canisterId }) => this.subject.node.router.splitCanister(canisterId, undefined));
    for (const outcome of await Promise.allSettled(splits))
      if (outcome.status === "rejected") assert.match(BigMapError.from(outcome.reason).code, /CANISTER_UNSPLITTABLE|CANISTER_BUSY/);
  }

  /** Puts under the condition that the first key is absent: of each canister all of them, or none. */
  async #putAtOnce(chosen: readonly string[], value: string): Promise<void> {
    const { model, subject } = this;
    const [first, ...others] = chosen as [string, ...string[]];
    const results = await subject.ask([putIfAbsent(first, value), ...others.map((other) => put(other, value))], { atomic: true });
    for (const [i, { error, version }] of results.entries()) {
      const isRefused = error !== undefined;
      if (i === 0) assert.equal(isRefused, model.entries.has(first), `put of the absent ${first}`);
      else if (isRefused) assert.equal(error.code, "BATCH_ABORTED");
      if (!isRefused) model.entries.set(chosen[i] as string, { value, version });
    }
  }
}

describe("a replica with an absence filter", () => {
  test("finds every entry, whatever is put, split, cleared, crashed and reopened while the survey goes on", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async (steps) => {
        const map = await MapUnderSurvey.open();
        for (const next of steps) await map.run(next);
        await map.model.checkAll(map.handle, keys, limits.entryOverheadBytes);
        for (let i = 0; i <= keys.length; i++) await map.surveyed.goOn();
        await map.model.checkAll(map.handle, keys, limits.entryOverheadBytes);
        await map.subject.node.close();
      }),
      { seed: 20_261_125, numRuns: 60 },
    );
  });

  test("takes a key of a map that was dropped and made again for a new one, and finds it then", async () => {
    const subject = await NodeUnderTest.open();
    await subject.ask([put("k", "old")]);
    await subject.node.router.dropMap("m");
    assert.deepEqual(await subject.answers([putIfAbsent("k", "new")]), ["written"]);
    await subject.restart();
    await settleAll();
    assert.deepEqual(await subject.answers([get("k")]), ["=new"]);
    await subject.node.close();
  });
});
