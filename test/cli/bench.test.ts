import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BigMapError } from "../../src/base/errors.js";
import { seededRandom } from "../../src/base/random.js";
import { compareRoads, median } from "../../src/cli/bench/comparison.js";
import { runLoad, type RunPlan } from "../../src/cli/bench/load-generator.js";
import { benchKinds, formatMix, kindChooser, parseMix, ycsbWorkloads } from "../../src/cli/bench/mix.js";
import { RecordLog } from "../../src/cli/bench/record-log.js";
import { Recorder } from "../../src/cli/bench/recorder.js";
import { Records } from "../../src/cli/bench/records.js";
import { comparisonLines, latencyText, runLines } from "../../src/cli/bench/report.js";
import type { BenchRoad } from "../../src/cli/bench/road.js";
import {
  latestChooser,
  noRecord,
  OnceChooser,
  scrambledZipfianChooser,
  uniformChooser,
  zeta,
  zipfianRanks,
  zipfianTheta,
  type RecordChooser,
} from "../../src/cli/bench/zipfian.js";
import type { Clock } from "../../src/base/clock.js";

function countsOf(chooser: RecordChooser, records: number, draws: number): number[] {
  const counts = new Array<number>(records).fill(0);
  for (let i = 0; i < draws; i++) {
    const record = chooser();
    assert.ok(Number.isInteger(record) && record >= 0 && record < records, String(record));
    counts[record] = (counts[record] ?? 0) + 1;
  }
  return counts;
}

describe("choosing records", () => {
  test("zipfian ranks are as frequent as 1 / rank^0.99", () => {
    const draws = 400_000;
    const counts = countsOf(zipfianRanks(seededRandom(1), 1_000, zeta(1_000)), 1_000, draws);
    // The first two ranks are exact in Gray's method, the others an approximation of the sum by an integral.
    for (const [rank, tolerance] of [
      [0, 0.02],
      [1, 0.02],
      [9, 0.15],
      [99, 0.15],
    ] as const) {
      const expected = draws / (rank + 1) ** zipfianTheta / zeta(1_000);
      const seen = rank < 9 ? (counts[rank] ?? 0) : counts.slice(rank - 4, rank + 5).reduce((sum, count) => sum + count, 0) / 9;
      assert.ok(Math.abs(seen / expected - 1) < tolerance, `rank ${rank}: ${seen} instead of ${expected}`);
    }
  });

  test("the scrambled zipfian scatters the popular records and keeps the skew of YCSB", () => {
    const draws = 200_000;
    const counts = countsOf(scrambledZipfianChooser(seededRandom(2), 10_000), 10_000, draws);
    const sorted = [...counts].sort((a, b) => b - a);
    // YCSB: the most popular of 10^10 ranks has 1 / 26.469 of the draws.
    assert.ok(Math.abs((sorted[0] ?? 0) / draws - 1 / 26.469) < 0.004, String(sorted[0]));
    const hottest = counts
      .map((count, record) => ({ count, record }))
      .sort((a, b) => b.count - a.count)
      .slice(0, 10)
      .map(({ record }) => record);
    assert.ok(Math.max(...hottest) > 5_000 && Math.min(...hottest) < 5_000, hottest.join());
  });

  test("the sum that YCSB has as a constant follows from the formula", () => {
    assert.ok(Math.abs(zeta(10_000_000_000) / 26.46902820178302 - 1) < 1e-9);
  });

  test("uniform draws are even, latest ones prefer the newest record", () => {
    const even = countsOf(uniformChooser(seededRandom(3), 100), 100, 100_000);
    assert.ok(Math.min(...even) > 850 && Math.max(...even) < 1_150);
    const log = new RecordLog(100);
    const latest = countsOf(
      latestChooser(seededRandom(4), () => log.present),
      100,
      100_000,
    );
    assert.equal(latest.indexOf(Math.max(...latest)), 99);
  });

  test("each record is chosen once where that is asked for", () => {
    for (const records of [1, 2, 3, 10, 97, 1_000]) {
      const once = new OnceChooser(records);
      const chosen = Array.from({ length: records }, () => once.next());
      assert.deepEqual(
        chosen.sort((a, b) => a - b),
        [...chosen.keys()],
      );
      assert.equal(once.next(), noRecord);
    }
  });

  test("every chooser stays within any number of records, and repeats with its seed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer(), (records, seed) => {
        for (const make of [
          uniformChooser,
          scrambledZipfianChooser,
          (random: ReturnType<typeof seededRandom>, n: number) => latestChooser(random, () => n),
        ]) {
          const draw = (): number[] => {
            const chooser = make(seededRandom(seed), records);
            return Array.from({ length: 50 }, () => chooser());
          };
          const drawn = draw();
          assert.ok(drawn.every((record) => Number.isInteger(record) && record >= 0 && record < records));
          assert.deepEqual(draw(), drawn);
        }
      }),
      { seed: 31, numRuns: 40 },
    );
  });
});

describe("mixes", () => {
  test("shares are scaled to 1, and a kind without a share counts as 1", () => {
    assert.deepEqual(parseMix("get=3, put=1"), [
      { kind: "get", share: 0.75 },
      { kind: "put", share: 0.25 },
    ]);
    assert.equal(formatMix(parseMix("get,put")), "get=0.5,put=0.5");
    assert.equal(formatMix(parseMix("get=1,put=0")), "get=1");
  });

  test("what is no mix is refused", () => {
    for (const text of ["", "get=", "get=x", "get=-1", "walk=1", "get=1,get=1", "get=0"]) assert.throws(() => parseMix(text), text);
  });

  test("kinds are drawn in proportion to their shares", () => {
    const choose = kindChooser(parseMix("get=0.7,put=0.2,delete=0.1"), seededRandom(5));
    const drawn: Record<string, number> = {};
    for (let i = 0; i < 100_000; i++) {
      const kind = choose();
      drawn[kind] = (drawn[kind] ?? 0) + 1;
    }
    for (const [kind, share] of [
      ["get", 0.7],
      ["put", 0.2],
      ["delete", 0.1],
    ] as const) {
      assert.ok(Math.abs((drawn[kind] ?? 0) / 100_000 - share) < 0.01, kind);
    }
  });

  test("every YCSB preset is a mix", () => {
    for (const { mix } of Object.values(ycsbWorkloads)) for (const { kind } of parseMix(mix)) assert.ok(benchKinds.includes(kind));
  });
});

describe("records", () => {
  test("a value is recognized, and every other value, cut or altered, is not", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1_000 }),
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.nat(),
        (size, record, other, place) => {
          const records = new Records(size);
          const value = Buffer.from(records.valueOf(record));
          assert.ok(records.isValueOf(record, value) && records.looksLikeValueOf(record, value));
          if (size >= 8 && (record - other) % 2 ** 14 !== 0) assert.ok(!records.isValueOf(other, value));
          if (size === 0) return;
          assert.ok(!records.isValueOf(record, value.subarray(1)) && !records.looksLikeValueOf(record, value.subarray(1)));
          value[place % size] = (value[place % size] ?? 0) ^ 1;
          assert.ok(!records.isValueOf(record, value));
        },
      ),
      { seed: 32, numRuns: 25 },
    );
  });

  test("of the reads only the first bytes are compared, and of one in 64 all of them", () => {
    const records = new Records(100);
    const altered = Buffer.from(records.valueOf(5));
    altered[99] = (altered[99] ?? 0) ^ 1;
    const looks = Array.from({ length: 640 }, () => records.looksLikeValueOf(5, altered));
    assert.equal(looks.filter((passed) => !passed).length, 10);
    assert.ok(Array.from({ length: 64 }, () => records.looksLikeValueOf(6, altered)).every((passed) => !passed));
  });

  test("keys of a record are the same each time and differ between records", () => {
    const records = new Records(10);
    assert.deepEqual(
      [0, 7, 42, 999].map((record) => records.keyOf(record)),
      [0, 7, 42, 999].map((record) => new Records(1).keyOf(record)),
    );
    assert.deepEqual(
      [7, 7, 2_000_000, 999_999_999_999].map((record) => records.keyOf(record)),
      ["user000000000007", "user000000000007", "user000002000000", "user999999999999"],
    );
  });

  test("inserted records are there when all before them are", () => {
    const log = new RecordLog(10);
    const [a, b, c] = [log.reserve(), log.reserve(), log.reserve()];
    log.commit(b);
    assert.equal(log.present, 10);
    log.commit(a);
    assert.equal(log.present, 12);
    log.commit(c);
    assert.equal(log.present, 13);
  });
});

/** A clock that moves on by one millisecond whenever somebody looks. */
function tickingClock(): Clock {
  let nowMs = 0;
  return { wallMs: () => nowMs, monotonicMs: () => nowMs++, setTimer: (_delayMs, run) => (setImmediate(run), () => undefined) };
}

function ticking(): { clock: Clock; nowMs: () => number } {
  const clock = tickingClock();
  return { clock, nowMs: () => clock.monotonicMs() };
}

class MapRoad implements BenchRoad {
  readonly name = "pipe";
  readonly stored = new Map<string, Uint8Array>();
  spoil: ((value: Uint8Array | undefined) => Uint8Array | undefined) | undefined;
  inFlight = 0;
  mostInFlight = 0;

  async get(key: string): Promise<Uint8Array | undefined> {
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    await Promise.resolve();
    this.inFlight--;
    const value = this.stored.get(key);
    return this.spoil === undefined ? value : this.spoil(value);
  }
  async has(key: string): Promise<boolean> {
    return this.stored.has(key);
  }
  async put(key: string, value: Uint8Array): Promise<void> {
    this.stored.set(key, value);
  }
  async delete(key: string): Promise<boolean> {
    return this.stored.delete(key);
  }
  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }
  async putMany(keys: readonly string[], values: readonly Uint8Array[]): Promise<void> {
    keys.forEach((key, i) => this.stored.set(key, values[i] as Uint8Array));
  }
  async scan(limit: number): Promise<number> {
    return Math.min(limit, this.stored.size);
  }
  async close(): Promise<void> {}
}

describe("the load generator", () => {
  const records = new Records(50);
  const plan = (change: Partial<RunPlan>): RunPlan => ({
    mix: parseMix("get"),
    distribution: "uniform",
    callers: 8,
    durationMs: 2_000,
    mustFind: true,
    ...change,
  });
  const loaded = (count: number): MapRoad => {
    const road = new MapRoad();
    for (let i = 0; i < count; i++) road.stored.set(records.keyOf(i), records.valueOf(i));
    return road;
  };
  const optionsFor = (count: number) => ({
    ...ticking(),
    random: seededRandom(6),
    records,
    log: new RecordLog(count),
    signal: new AbortController().signal,
  });

  test("each caller awaits one operation at a time, and every kind is measured", async () => {
    const road = loaded(100);
    const figures = await runLoad(road, plan({ mix: parseMix("get,has,put,rmw,insert,scan,batch-put") }), optionsFor(100));
    assert.ok(road.mostInFlight <= 8 && road.mostInFlight > 1);
    assert.deepEqual(Object.keys(figures.kinds).sort(), ["batch-put", "get", "has", "insert", "put", "rmw", "scan"]);
    assert.deepEqual([figures.wrong, figures.misses, figures.errors], [0, 0, {}]);
    assert.equal(
      Object.values(figures.kinds).reduce((sum, kind) => sum + kind.operations, 0),
      figures.operations,
    );
    assert.ok(road.stored.size > 100);
  });

  test("a wrong value and a lost entry are counted", async () => {
    const road = loaded(100);
    road.spoil = (value) => value?.subarray(1);
    const spoiled = await runLoad(road, plan({}), optionsFor(100));
    assert.equal(spoiled.wrong, spoiled.operations);
    const lost = await runLoad(new MapRoad(), plan({}), optionsFor(100));
    assert.deepEqual([lost.wrong, lost.misses], [lost.operations, lost.operations]);
    const unknown = await runLoad(new MapRoad(), plan({ mustFind: false }), optionsFor(100));
    assert.deepEqual([unknown.wrong, unknown.misses], [0, unknown.operations]);
  });

  test("a batch counts as its entries, and its values are looked at", async () => {
    const road = loaded(100);
    const options = { mix: parseMix("batch-get"), batchEntries: 20 };
    const figures = await runLoad(road, plan(options), optionsFor(100));
    assert.ok(figures.operations > 0 && figures.operations % 20 === 0);
    assert.equal(figures.wrong, 0);
    road.spoil = () => Buffer.alloc(50);
    const spoiled = await runLoad(road, plan(options), optionsFor(100));
    assert.equal(spoiled.wrong, spoiled.operations);
    assert.equal((await runLoad(road, plan({ ...options, check: "lengths" }), optionsFor(100))).wrong, 0);
  });

  test("deletes can go through every record once, and end there", async () => {
    const road = loaded(100);
    const once = new OnceChooser(100);
    const options = { ...optionsFor(100), chooseRecord: () => once.next() };
    const figures = await runLoad(road, plan({ mix: parseMix("delete"), durationMs: 1_000_000 }), options);
    assert.deepEqual([figures.operations, figures.misses, once.taken, road.stored.size], [100, 0, 100, 0]);
  });

  test("failures are counted by their code and are no operations", async () => {
    const road = new MapRoad();
    road.put = () => Promise.reject(new BigMapError("OVERLOADED", "Too much at once"));
    const figures = await runLoad(road, plan({ mix: parseMix("put") }), optionsFor(100));
    assert.equal(figures.operations, 0);
    assert.ok((figures.errors["OVERLOADED"] ?? 0) > 10);
    assert.ok(runLines(figures).some((line) => line.includes("OVERLOADED")));
  });

  test("the roads take turns, and the ratios are those of the medians of rounds", async () => {
    const speeds: Record<string, number> = { "unary get": 100, "pipe get": 1_500, "unary put": 50, "pipe put": 700 };
    const turns: string[] = [];
    const roads = ["unary", "pipe"].map((name) => ({ ...new MapRoad(), name }) as unknown as BenchRoad);
    const comparison = await compareRoads(roads, parseMix("get,put"), 3, async (road, mix) => {
      const turn = `${road.name} ${mix[0]?.kind ?? ""}`;
      turns.push(turn);
      return { ...new Recorder().figures(1_000, 0), operationsPerSecond: speeds[turn] ?? 0 };
    });
    assert.deepEqual(turns.slice(0, 4), ["unary get", "pipe get", "unary put", "pipe put"]);
    assert.equal(turns.length, 12);
    assert.deepEqual(
      comparison.rows.map(({ kind, road, ratio }) => [kind, road, ratio]),
      [
        ["get", "unary", 1],
        ["get", "pipe", 15],
        ["put", "unary", 0.5],
        ["put", "pipe", 7],
      ],
    );
    assert.match(comparisonLines(comparison)[0] ?? "", /x unary get/);
    assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3])], [2, 2.5]);
  });

  test("latencies are exact to three digits", () => {
    const recorder = new Recorder();
    for (let i = 1; i <= 1_000; i++) recorder.record("get", i / 1000, 1);
    const kind = recorder.figures(1_000, 0.5).kinds.get;
    assert.ok(kind !== undefined);
    assert.deepEqual([Math.round(kind.p50Us), Math.round(kind.p99Us), Math.round(kind.maxUs)], [500, 990, 1000]);
    assert.deepEqual(
      [latencyText(3.14159), latencyText(999), latencyText(1_250), latencyText(2_100_000)],
      ["3.1 µs", "999 µs", "1.25 ms", "2.10 s"],
    );
  });
});
