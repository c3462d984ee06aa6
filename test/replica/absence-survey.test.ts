import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { silentLogger, type Logger } from "../../src/base/logger.js";
import { AbsenceFilter } from "../../src/replica/absence-filter.js";
import { AbsenceSurvey } from "../../src/replica/absence-survey.js";
import type { HostedCanister } from "../../src/replica/hosted-canister.js";
import { encodeEntryKey } from "../../src/storage/key-layout.js";
import type { KeyRange, ReadRangeOptions, RowPage, RowPart, SnapshotReader } from "../../src/storage/storage-engine.js";
import { MemoryEngine } from "../../src/storage/memory-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { get, has, put, putIfAbsent, remove, settleAll, type Operation } from "./node-under-test.js";
import { SurveyedNode, surveyRestMs } from "./surveyed-node.js";

/** A step of the survey reads one value of these. */
const stepBytes = 300_000;

/** A node on a store of four entries, which the survey reads in four steps; the first is done. */
async function reopened(): Promise<SurveyedNode> {
  const surveyed = await SurveyedNode.open();
  await surveyed.subject.ask(["a", "b", "c", "d"].map((key) => put(key, Buffer.alloc(stepBytes))));
  await surveyed.subject.restart();
  await settleAll();
  return surveyed;
}

/** Reads that these operations asked the engine for. */
async function readsOf({ subject, engine }: SurveyedNode, operations: readonly Operation[], expected: readonly string[]): Promise<number> {
  const before = engine.reads;
  assert.deepEqual(await subject.answers(operations), expected);
  return engine.reads - before;
}

describe("a node on an empty store", () => {
  test("asks the engine nothing for first puts, conditional ones, gets, and deletes of absent keys", async () => {
    const surveyed = await SurveyedNode.open();
    const keys = Array.from({ length: 500 }, (_, i) => `key-${i}`);
    await surveyed.subject.ask([put("first", "makes the map")]);
    const asks = [get("none"), has("none"), remove("none"), ...keys.map((key) => put(key, key)), putIfAbsent("new", "v"), get("new")];
    const answers = ["absent", "absent", "nothing", ...keys.map(() => "written"), "written", "=v"];
    assert.equal(await readsOf(surveyed, asks, answers), 0);
    assert.equal(surveyed.engine.reads, 0);
    await surveyed.subject.node.close();
  });
});

describe("a node on a store that holds entries", () => {
  test("looks absent keys up until the survey has ended, and from then on asks nothing", async () => {
    const surveyed = await reopened();
    for (let i = 0; i < 3; i++) {
      assert.equal(await readsOf(surveyed, [get(`none-${i}`)], ["absent"]), 1, `step ${i}`);
      assert.equal(await readsOf(surveyed, [put(`new-${i}`, "v")], ["written"]), 1, `step ${i}`);
      await surveyed.goOn();
    }
    // What came meanwhile may lie before or behind the place where the survey was.
    for (let i = 0; i < 4; i++) await surveyed.goOn();
    const asks = [get("gone"), put("newer", "v"), putIfAbsent("newest", "v")];
    assert.equal(await readsOf(surveyed, asks, ["absent", "written", "written"]), 0);
    assert.ok((await readsOf(surveyed, [has("a"), has("d"), has("new-2")], ["found", "found", "found"])) > 0);
    await surveyed.subject.expectSound();
    await surveyed.subject.node.close();
  });

  test("is surveyed in a tenth of the time", async () => {
    const surveyed = await reopened();
    const before = surveyed.steps;
    await surveyed.clock.advanceAndSettle(surveyRestMs - 1);
    await settleAll();
    assert.equal(surveyed.steps, before);
    await surveyed.clock.advanceAndSettle(1);
    await settleAll();
    assert.equal(surveyed.steps, before + 1);
    await surveyed.subject.node.close();
  });

  test("ends the survey when it is closed, while a step reads and while it rests", async () => {
    const surveyed = await reopened();
    // The first step of this one is not waited for.
    await surveyed.subject.restart();
    await surveyed.subject.restart();
    await settleAll();
    const before = surveyed.steps;
    await surveyed.subject.node.close();
    await surveyed.goOn();
    assert.equal(surveyed.steps, before);
  });

  test("goes on without the survey where it fails", async () => {
    const surveyed = await reopened();
    surveyed.onStep = () => {
      throw new BigMapError("STORAGE_FAILED", "a bad sector");
    };
    for (let i = 0; i < 4; i++) await surveyed.goOn();
    assert.equal(await readsOf(surveyed, [get("none")], ["absent"]), 1);
    assert.equal(await readsOf(surveyed, [put("new", "v")], ["written"]), 1);
    assert.equal(await readsOf(surveyed, [has("a"), has("d")], ["found", "found"]), 1);
    await surveyed.subject.node.close();
  });
});

describe("a survey", () => {
  const canistersOf = (...entries: number[]): HostedCanister[] =>
    entries.map(
      (committedEntries) => ({ canister: { committedEntries, committedBytes: 40 * committedEntries } }) as unknown as HostedCanister,
    );

  async function engineWith(entries: number): Promise<MemoryEngine> {
    const engine = new MemoryEngine();
    const batch = new WriteBatch(64);
    for (let i = 0; i < entries; i++) batch.put(encodeEntryKey(1, { high: i, low: i }, Buffer.from("k")), Buffer.alloc(16));
    if (entries > 0) await engine.write(batch, "fsync");
    return engine;
  }

  test("is left out where there are too many entries for the filter", async () => {
    const filter = new AbsenceFilter(128);
    const survey = new AbsenceSurvey({ engine: await engineWith(205), filter, clock: new ManualClock(), logger: silentLogger });
    await survey.begin(false, canistersOf(200, 5));
    await settleAll();
    assert.equal(filter.isComplete, false);
    assert.equal(filter.sizeBytes, 64, "the memory was let go");
    await survey.stop();
  });

  test("that was stopped does not begin anew", async () => {
    const filter = new AbsenceFilter(128);
    const survey = new AbsenceSurvey({ engine: await engineWith(204), filter, clock: new ManualClock(), logger: silentLogger });
    await survey.stop();
    await survey.begin(false, canistersOf(200, 4));
    await settleAll();
    assert.equal(filter.isComplete, false);
    assert.equal(filter.sizeBytes, 128);
  });

  test("reads keys alone, as many in a step as weigh 256 KiB with their values", async () => {
    const engine = await engineWith(2_000);
    const rows: number[] = [];
    const counted = new Proxy(engine, {
      get: (target, name) => {
        if (name !== "openReader") return Reflect.get(target, name, target) as unknown;
        return (range: KeyRange, part: RowPart): SnapshotReader => {
          assert.equal(part, "keys");
          const reader = target.openReader(range, part);
          const next = async (options: ReadRangeOptions): Promise<RowPage> => {
            const page = await reader.next(options);
            rows.push(page.keys.length);
            return page;
          };
          return { next, close: () => reader.close() };
        };
      },
    });
    const filter = new AbsenceFilter(2 ** 16);
    const clock = new ManualClock();
    const survey = new AbsenceSurvey({ engine: counted, filter, clock, logger: silentLogger });
    await survey.begin(false, canistersOf(1_000, 1_000));
    for (let i = 0; i < 10 && !filter.isComplete; i++) await clock.advanceAndSettle(1).then(settleAll);
    assert.equal(filter.isComplete, true);
    assert.deepEqual(rows, [500, 500, 500, 500]);
    await survey.stop();
    rows.length = 0;
    const heavy = [{ canister: { committedEntries: 2_000, committedBytes: 2_000 * 1_024 } } as unknown as HostedCanister];
    const second = new AbsenceSurvey({ engine: counted, filter: new AbsenceFilter(2 ** 16), clock, logger: silentLogger });
    await second.begin(false, heavy);
    await settleAll();
    assert.deepEqual(rows.slice(0, 1), [256]);
    await second.stop();
  });

  test("adds every entry and completes the filter", async () => {
    const filter = new AbsenceFilter(2 ** 16);
    const engine = await engineWith(5_000);
    const clock = new ManualClock();
    const survey = new AbsenceSurvey({ engine, filter, clock, logger: silentLogger });
    await survey.begin(false, canistersOf(5_000));
    await clock.advanceAndSettle(1);
    await settleAll();
    assert.equal(filter.isComplete, true);
    for (let i = 0; i < 5_000; i++) assert.equal(filter.isAbsent(1, i, i), false, `entry ${i}`);
    await survey.stop();
  });

  test("believes the store that it is empty, and not the canisters", async () => {
    const empty = new AbsenceFilter(64);
    await new AbsenceSurvey({ engine: await engineWith(0), filter: empty, clock: new ManualClock(), logger: silentLogger }).begin(true, []);
    assert.equal(empty.isComplete, true);
    const filter = new AbsenceFilter(64);
    const survey = new AbsenceSurvey({ engine: await engineWith(1), filter, clock: new ManualClock(), logger: silentLogger });
    await survey.begin(true, []);
    assert.equal(filter.isComplete, false);
    await settleAll();
    assert.equal(filter.isComplete, true);
    assert.equal(filter.isAbsent(1, 0, 0), false);
  });

  test("that fails says so, and gives the filter up", async () => {
    const warnings: unknown[] = [];
    const logger: Logger = { ...silentLogger, warn: (facts) => void warnings.push(facts) };
    const filter = new AbsenceFilter(128);
    const engine = await engineWith(1);
    await engine.close();
    const survey = new AbsenceSurvey({ engine, filter, clock: new ManualClock(), logger });
    await survey.begin(false, canistersOf(1));
    await settleAll();
    assert.equal(warnings.length, 1);
    assert.equal(filter.isComplete, false);
    assert.equal(filter.sizeBytes, 64);
    await survey.stop();
  });
});
