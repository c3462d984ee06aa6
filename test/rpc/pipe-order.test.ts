import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { limits } from "../../src/base/limits.js";
import { operationKind } from "../../src/base/operation-batch.js";
import { IntakeModel, type AskedBatch } from "./intake-model.js";

const { get, has, put } = operationKind;
const largeKeys = ["Large 1", "Large 2"];
const keys = [...largeKeys, "small 1", "small 2", "small 3", "small 4", "small 5"];

type Action =
  | { readonly kind: "ask"; readonly asked: AskedBatch }
  | { readonly kind: "answer"; readonly which: number; readonly part: number | undefined }
  | { readonly kind: "untaken"; readonly bytes: number }
  | { readonly kind: "hold"; readonly isHolding: boolean }
  | { readonly kind: "time" };

const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant(get), key: fc.constantFrom(...keys) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom(has, put, operationKind.delete), key: fc.constantFrom(...keys) }) },
);
const batch = fc.record({
  map: fc.constantFrom("one", "one", "other"),
  operations: fc.array(operation, { minLength: 1, maxLength: 5 }),
  atomic: fc.constantFrom(false, false, false, true),
  expires: fc.constantFrom(false, false, false, true),
});
const manyGets = fc.record({
  map: fc.constant("one"),
  operations: fc
    .record({ key: fc.constantFrom(...keys), length: fc.integer({ min: 10, max: 90 }) })
    .map(({ key, length }) => Array.from({ length }, () => ({ kind: get, key }))),
  atomic: fc.constant(false),
  expires: fc.constant(false),
});
const asked = fc.oneof({ weight: 3, arbitrary: batch }, { weight: 1, arbitrary: manyGets });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("ask" as const), asked }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("answer" as const), which: fc.nat(20), part: fc.option(fc.nat(5), { nil: undefined }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("untaken" as const), bytes: fc.constantFrom(0, 0, limits.pipeReplyTargetBytes) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("hold" as const), isHolding: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("time" as const) }) },
);

describe("a pipe's intake, whatever is asked", () => {
  test("keeps the order of each key, answers everything once, and never stands still", async () => {
    let overtaken = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 60 }), async (actions) => {
        const model = new IntakeModel();
        for (const one of actions) {
          if (one.kind === "ask") model.ask(one.asked);
          else if (one.kind === "answer") model.answer(one.which, one.part);
          else if (one.kind === "untaken") model.setUntaken(one.bytes);
          else if (one.kind === "hold") model.isHolding = one.isHolding;
          else model.clock.advance(1_000);
          await Promise.resolve();
        }
        await model.finish();
        overtaken += model.overtaken;
      }),
      { seed: 1, numRuns: 1_000 },
    );
    assert.ok(overtaken >= 1_000, `updates and what meets none overtake: ${overtaken}`);
  });
});
