import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BigMapError } from "../../src/base/errors.js";
import { HeldReads } from "./held-reads.js";
import { NodeUnderTest, get, has, put, putIfAbsent, remove, settleAll, type Operation } from "./node-under-test.js";

const keys = ["a", "b", "c", "large"];
/** Larger than what the entry cache keeps, so that every read of it is a cold one. */
const largeBytes = 300_000;

const operation = fc.record({
  key: fc.constantFrom(...keys),
  kind: fc.constantFrom("get", "get", "has", "put", "put", "ifAbsent", "delete"),
  seed: fc.nat({ max: 999 }),
});
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      operations: fc.array(operation, { minLength: 1, maxLength: 5 }),
      atomic: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "settle" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "hold-writes" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "go-writes" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "hold-reads" as const }) },
  { weight: 3, arbitrary: fc.nat({ max: 9 }).map((pick) => ({ kind: "go-read" as const, pick })) },
  { weight: 2, arbitrary: fc.nat({ max: 9 }).map((pick) => ({ kind: "split" as const, pick })) },
  { weight: 1, arbitrary: fc.constant({ kind: "other-session" as const }) },
);

/** What one operation after the other on a plain Map would answer. */
class Expectation {
  readonly entries = new Map<string, string>();

  /** In an atomic batch queries come before the updates. */
  inOrder(operations: readonly PlannedOperation[], atomic: boolean): PlannedOperation[] {
    const isQuery = ({ kind }: PlannedOperation): boolean => kind === "get" || kind === "has";
    return atomic ? [...operations.filter(isQuery), ...operations.filter((one) => !isQuery(one))] : [...operations];
  }

  answer({ key, kind, value }: PlannedOperation): string {
    const known = this.entries.get(key);
    if (kind === "get") return known === undefined ? "absent" : `=${known}`;
    if (kind === "has") return known === undefined ? "absent" : "found";
    if (kind === "delete") return this.entries.delete(key) ? "deleted" : "nothing";
    if (kind === "ifAbsent" && known !== undefined) return "CONDITION_FAILED";
    this.entries.set(key, value);
    return "written";
  }
}

interface PlannedOperation {
  readonly key: string;
  readonly kind: string;
  readonly value: string;
}

function toOperation({ key, kind, value }: PlannedOperation): Operation {
  if (kind === "get") return get(key);
  if (kind === "has") return has(key);
  if (kind === "delete") return remove(key);
  return kind === "put" ? put(key, value) : putIfAbsent(key, value);
}

function planned(operations: readonly { key: string; kind: string; seed: number }[]): PlannedOperation[] {
  return operations.map(({ key, kind, seed }, i) => ({
    key,
    kind,
    value: key === "large" ? `${seed}-${i}`.padEnd(largeBytes, ".") : `${seed}-${i}`,
  }));
}

describe("operations of one session on one key", () => {
  test("take effect in the order in which they were asked, however reads, loads, commits and splits interleave", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.boolean(), async (steps, knowsAbsent) => {
        let reads: HeldReads | undefined;
        let failsSurvey = false;
        const survey = (): void => {
          if (failsSurvey) throw new BigMapError("STORAGE_FAILED", "So absent keys are looked up");
        };
        const subject = await NodeUnderTest.open({ capBytes: 8 * 2 ** 20, wrap: (engine) => (reads = new HeldReads(engine, survey)) });
        const expectation = new Expectation();
        await subject.node.router.createMap("m", { initialCanisters: 1 });
        await subject.ask([put("a", "first"), put("large", "l".repeat(largeBytes))]);
        expectation.entries.set("a", "first").set("large", "l".repeat(largeBytes));
        // Nothing is in the cache after a restart: the first touch of every key is a cold read or a load.
        failsSurvey = !knowsAbsent;
        await subject.restart();
        let goWrites = (): void => undefined;
        const running: Promise<void>[] = [];
        for (const next of steps) {
          if (next.kind === "ask") {
            // No condition may fail in an atomic batch here, or else the model would have to take it back.
            const operations = planned(next.operations).filter(({ kind }) => !next.atomic || kind !== "ifAbsent");
            const expected = new Map(expectation.inOrder(operations, next.atomic).map((one) => [one, expectation.answer(one)]));
            const answers = subject.answers(operations.map(toOperation), { atomic: next.atomic });
            running.push(
              answers.then((texts) =>
                assert.deepEqual(
                  texts,
                  operations.map((one) => expected.get(one)),
                ),
              ),
            );
          } else if (next.kind === "settle") await settleAll();
          else if (next.kind === "hold-writes") {
            goWrites();
            goWrites = subject.disk.hold();
          } else if (next.kind === "go-writes") goWrites();
          else if (next.kind === "hold-reads") (reads as HeldReads).isHolding = true;
          else if (next.kind === "go-read") reads?.release(next.pick);
          else if (next.kind === "split") running.push(splitSome(subject, next.pick));
          else running.push(subject.answers([get("a"), put("other", "x")], { sessionId: 2 }).then(() => undefined));
        }
        goWrites();
        reads?.releaseAll();
        await Promise.all(running);
        assert.deepEqual(
          await subject.answers(keys.map(get)),
          keys.map((key) => expectation.answer({ key, kind: "get", value: "" })),
        );
        await subject.expectSound();
        await subject.node.close();
      }),
      { seed: 20_261_201, numRuns: 60 },
    );
  });

  test("a get that came before a put never sees it, though a later get of the key was read sooner", async () => {
    let reads: HeldReads | undefined;
    const subject = await NodeUnderTest.open({ wrap: (engine) => (reads = new HeldReads(engine)) });
    await subject.ask([put("k", "old")]);
    await subject.restart();
    const held = reads as unknown as HeldReads;
    held.isHolding = true;
    const first = subject.answers([get("k")]);
    await settleAll();
    const second = subject.answers([get("k")]);
    await settleAll();
    held.release(1);
    await settleAll();
    const written = subject.answers([put("k", "new")]);
    await settleAll();
    held.isHolding = false;
    await settleAll();
    held.releaseAll();
    assert.deepEqual([await first, await second, await written], [["=old"], ["=old"], ["written"]]);
    await subject.node.close();
  });
});

async function splitSome(subject: NodeUnderTest, pick: number): Promise<void> {
  const canisters = subject.canisters();
  try {
    await subject.node.router.splitCanister(canisters[pick % canisters.length]?.canisterId ?? 0, undefined);
  } catch (error) {
    assert.match(BigMapError.from(error).code, /CANISTER_UNSPLITTABLE|CANISTER_BUSY/);
  }
}

describe("a get of another session", () => {
  test("shows the committed value while an update is under way, and never one that a crash then loses", async () => {
    const subject = await NodeUnderTest.open();
    await subject.ask([put("k", "old"), put("gone", "old")]);
    const go = subject.disk.hold();
    const lost = subject.answers([put("k", "new"), remove("gone"), put("fresh", "new")]);
    await settleAll();
    assert.deepEqual(await subject.answers([get("k"), get("gone"), get("fresh"), has("fresh")], { sessionId: 2 }), [
      "=old",
      "=old",
      "absent",
      "absent",
    ]);
    subject.disk.crash();
    go();
    await lost;
    await subject.crash();
    assert.deepEqual(await subject.answers([get("k"), get("gone"), get("fresh")], { sessionId: 2 }), ["=old", "=old", "absent"]);
    await subject.node.close();
  });

  test("sees the update from the moment on at which it is answered", async () => {
    const subject = await NodeUnderTest.open();
    await subject.ask([put("k", "old")]);
    for (let i = 0; i < 50; i++) {
      await subject.ask([put("k", `${i}`)]);
      assert.deepEqual(await subject.answers([get("k")], { sessionId: 2 }), [`=${i}`]);
    }
    await subject.node.close();
  });
});
