import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { generateHistory, type GeneratedHistoryOptions } from "./atomic-register.js";
import { isLinearizableByDefinition } from "./every-order.js";
import type { Invocation, Operation, Outcome } from "./history.js";
import { findViolation, formatViolation } from "./linearizability.js";

type Step = readonly [invoked: number, completed: number, call: Partial<Invocation>, outcome: Outcome];

const unknown: Outcome = { kind: "unknown", code: "OUTCOME_UNKNOWN" };
const absent: Outcome = { kind: "absent" };
const deleted: Outcome = { kind: "deleted" };
const written = (version: number): Outcome => ({ kind: "written", version });
const found = (value: string, version: number): Outcome => ({ kind: "found", value, version });
const refused = (currentVersion: number): Outcome => ({ kind: "condition-failed", currentVersion });
const put = (value: string): Partial<Invocation> => ({ kind: "put", value });
const get: Partial<Invocation> = { kind: "get" };
const remove: Partial<Invocation> = { kind: "delete" };

function historyOf(...steps: Step[]): Operation[] {
  return steps.map(([invoked, completed, call, outcome], id) => ({
    caller: id,
    key: "k",
    kind: "get",
    ...call,
    id,
    invoked,
    completed,
    invokedMs: invoked,
    durationMs: 1,
    outcome,
  }));
}

function assertAccepted(operations: readonly Operation[]): void {
  const violation = findViolation(operations);
  assert.equal(violation === undefined ? "" : formatViolation(violation), "");
}

function assertCaught(operations: readonly Operation[], message: RegExp): void {
  const violation = findViolation(operations);
  assert.ok(violation !== undefined, "the violation was not found");
  assert.match(formatViolation(violation), message);
}

describe("planted violations are caught", () => {
  test("a lost write", () => {
    const lost = historyOf([0, 1, put("a"), written(1)], [2, 3, get, absent]);
    assertCaught(lost, /"absent" to get fits no order; before it the entry was at version 1/);
  });

  test("a stale read", () => {
    assertCaught(historyOf([0, 1, put("a"), written(1)], [2, 3, put("b"), written(2)], [4, 5, get, found("a", 1)]), /a at version 1/);
  });

  test("a read that goes back between two readers", () => {
    const write: Step = [2, 9, put("b"), written(2)];
    assertCaught(historyOf([0, 1, put("a"), written(1)], write, [3, 4, get, found("b", 2)], [5, 6, get, found("a", 1)]), /a at version 1/);
  });

  test("a resurrected delete", () => {
    const resurrected = historyOf([0, 1, put("a"), written(1)], [2, 3, remove, deleted], [4, 5, get, found("a", 1)]);
    assertCaught(resurrected, /before it the entry was absent/);
  });

  test("a conditional write applied twice", () => {
    const first: Step = [2, 5, { ...put("b"), ifVersion: 1 }, written(2)];
    const second: Step = [3, 6, { ...put("c"), ifVersion: 1 }, written(3)];
    assertCaught(historyOf([0, 1, put("a"), written(1)], first, second), /ifVersion 1/);
  });

  test("two entries created where only an absent one could be", () => {
    const create = (value: string): Partial<Invocation> => ({ ...put(value), ifAbsent: true });
    assertCaught(historyOf([0, 3, create("a"), written(1)], [1, 4, create("b"), written(2)]), /ifAbsent/);
  });

  test("reordered versions", () => {
    assertCaught(historyOf([0, 1, put("a"), written(2)], [2, 3, put("b"), written(1)]), /fits no order/);
  });

  test("one version given twice", () => {
    assertCaught(historyOf([0, 3, put("a"), written(1)], [1, 4, put("b"), written(1)]), /belongs to two puts/);
  });

  test("a value from nowhere, of a refused put, or under a wrong version", () => {
    assertCaught(historyOf([0, 1, get, found("x", 1)]), /which nobody put/);
    assertCaught(historyOf([0, 1, put("a"), { kind: "failed", code: "OVERLOADED" }], [2, 3, get, found("a", 1)]), /refused/);
    assertCaught(historyOf([0, 1, put("a"), written(1)], [2, 3, get, found("a", 2)]), /two versions/);
  });

  test("a delete that was answered twice", () => {
    assertCaught(historyOf([0, 1, put("a"), written(1)], [2, 5, remove, deleted], [3, 6, remove, deleted]), /deleted/);
  });

  test("a condition that failed though it held", () => {
    assertCaught(historyOf([0, 1, put("a"), written(1)], [2, 3, { ...put("b"), ifVersion: 1 }, refused(1)]), /condition failed/);
  });

  test("an unknown write that is read, gone and read again", () => {
    const lost: Step = [0, Infinity, put("a"), unknown];
    assertCaught(historyOf(lost, [1, 2, get, found("a", 1)], [3, 4, get, absent], [5, 6, get, found("a", 1)]), /fits no order/);
  });
});

describe("a sealed history", () => {
  test("knows that an unknown update took effect before the server died, or never", () => {
    const lost: Step = [0, 3, put("a"), unknown];
    assertAccepted(historyOf(lost, [4, 5, get, found("a", 1)]));
    assertAccepted(historyOf(lost, [4, 5, get, absent]));
    assertCaught(historyOf(lost, [4, 5, get, absent], [6, 7, get, found("a", 1)]), /fits no order/);
    const removal: Step = [2, 5, remove, unknown];
    assertCaught(historyOf([0, 1, put("a"), written(1)], removal, [6, 7, get, found("a", 1)], [8, 9, get, absent]), /absent/);
  });
});

describe("right histories are accepted", () => {
  test("unknown updates that took effect late, or never", () => {
    const lost: Step = [0, Infinity, put("a"), unknown];
    assertAccepted(historyOf(lost, [1, 2, get, absent], [3, 4, get, found("a", 7)]));
    assertAccepted(historyOf(lost, [1, 2, get, absent], [3, 4, put("b"), written(1)], [5, 6, get, found("b", 1)]));
    assertAccepted(historyOf(lost, [1, 2, remove, deleted], [3, 4, get, absent]));
    const removal: Step = [2, Infinity, remove, unknown];
    assertAccepted(historyOf([0, 1, put("a"), written(1)], removal, [3, 4, get, found("a", 1)], [5, 6, get, absent]));
  });

  test("a version that only a failed condition told", () => {
    const lost: Step = [0, Infinity, put("a"), unknown];
    const told: Step = [1, 2, { ...put("b"), ifAbsent: true }, refused(4)];
    assertAccepted(historyOf(lost, told, [3, 4, { ...remove, ifVersion: 4 }, deleted], [5, 6, get, absent]));
    assertCaught(historyOf(lost, told, [3, 4, { ...put("c"), ifVersion: 5 }, written(6)]), /ifVersion 5/);
  });

  test("random histories of an atomic register, thousands of operations of 16 callers", () => {
    const unknownRatio = fc.constantFrom(0, 0.01, 0.1);
    const wide = fc.record({ operations: fc.constant(3_000), callers: fc.constant(16), unknownRatio, seed: fc.nat() });
    fc.assert(
      fc.property(wide, (options) => assertAccepted(generateHistory(options))),
      { seed: 11, numRuns: 6 },
    );
  });

  test("random short histories", () => {
    fc.assert(
      fc.property(shortHistories(1, 40, 6), (options) => assertAccepted(generateHistory(options))),
      { seed: 12, numRuns: 2_000 },
    );
  });
});

describe("the checker agrees with the definition", () => {
  test("on short histories with one wrong answer", () => {
    let wrong = 0;
    const property = fc.property(shortHistories(2, 6, 4), fc.nat(), fc.nat(), (options, place, choice) => {
      const mutated = withOtherAnswer(generateHistory({ ...options, versionStep: 100 }), place, choice);
      const expected = isLinearizableByDefinition(mutated);
      if (!expected) wrong++;
      const violation = findViolation(mutated);
      assert.equal(violation === undefined, expected, JSON.stringify(mutated, null, 1));
    });
    fc.assert(property, { seed: 13, numRuns: 4_000 });
    assert.ok(wrong > 500, `only ${wrong} histories were wrong`);
  });

  test("a long history with one answer taken from elsewhere is caught", () => {
    const operations = generateHistory({ seed: 5, operations: 2_000, callers: 16, unknownRatio: 0.02 });
    const reads = operations.filter((operation) => operation.outcome.kind === "found");
    const early = reads[10];
    const late = reads.at(-10);
    assert.ok(early !== undefined && late !== undefined);
    assertCaught(
      operations.map((each) => (each === late ? { ...each, outcome: early.outcome } : each)),
      /fits no order/,
    );
  });
});

function shortHistories(min: number, max: number, maxCallers: number): fc.Arbitrary<GeneratedHistoryOptions> {
  const callers = fc.integer({ min: 1, max: maxCallers });
  const unknownRatio = fc.constantFrom(0, 0.3);
  return fc.record({ operations: fc.integer({ min, max }), callers, unknownRatio, seed: fc.nat(), sealed: fc.boolean() });
}

/** One answer replaced by another one's of the same kind of call, or by a made-up one. */
function withOtherAnswer(operations: Operation[], place: number, choice: number): Operation[] {
  const index = place % operations.length;
  const target = operations[index];
  if (target === undefined || target.outcome.kind === "unknown") return operations;
  const outcomes = operations.flatMap((other) => (other.kind === target.kind && other.outcome.kind !== "unknown" ? [other.outcome] : []));
  const isConditional = target.ifAbsent === true || target.ifVersion !== undefined;
  const invented: Record<Invocation["kind"], Outcome[]> = {
    get: [absent],
    has: [absent, { kind: "present" }],
    put: isConditional ? [refused(0), refused(100), written(50)] : [written(50), written(250)],
    delete: isConditional ? [refused(0), deleted] : [deleted, { kind: "nothing-to-delete" }],
  };
  const suitable = outcomes.filter((outcome) => outcome.kind !== "condition-failed" || isConditional);
  const candidates = [...suitable, ...invented[target.kind]];
  const outcome = candidates[choice % candidates.length] ?? target.outcome;
  return operations.map((each) => (each === target ? { ...each, outcome } : each));
}
