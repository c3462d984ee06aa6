/** The micro benchmarks at next to no size: they must work whenever they are needed. */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { describe, test } from "node:test";
import { runBenchmark, smokeTiming } from "../../bench/micro/runner.js";
import { selectBenchmarks } from "../../bench/micro/selection.js";
import { microSubjects } from "../../bench/micro/subjects.js";

const scale = { isSmoke: true, folder: tmpdir() };
const keyOf = ({ name, size }: { readonly name: string; readonly size: number }): string => `${name} ${size}`;

describe("the micro benchmarks", () => {
  for (const benchmark of selectBenchmarks(scale, [])) {
    test(`${keyOf(benchmark)} runs`, async () => {
      const row = await runBenchmark(benchmark, smokeTiming);
      assert.equal(keyOf(row), keyOf(benchmark));
      assert.ok(row.samples >= smokeTiming.samplesMin && Number.isFinite(row.samples), `${row.samples} samples`);
      const figures = [row.operationsPerSecond, row.nanosecondsPerOperation, row.p99Nanoseconds];
      assert.ok(
        figures.every((figure) => Number.isFinite(figure) && figure > 0) && Number.isFinite(row.bytesPerRange ?? 0),
        JSON.stringify(row),
      );
    });
  }

  test("have names of their own, at full size too", () => {
    for (const isSmoke of [true, false]) {
      const keys = selectBenchmarks({ ...scale, isSmoke }, []).map(keyOf);
      assert.equal(new Set(keys).size, keys.length);
    }
  });

  test("are chosen by words of their names", () => {
    const all = selectBenchmarks(scale, []);
    const chosen = selectBenchmarks(scale, ["ring look", "token"]);
    assert.ok(chosen.length > 1 && chosen.length < all.length);
    assert.ok(chosen.every(({ name }) => name.includes("ring look") || name.includes("token")));
    assert.deepEqual(selectBenchmarks(scale, ["no such word"]), []);
    assert.ok(microSubjects.every((subject) => subject(scale).length > 0));
  });

  test("fail with what a benchmark throws, at once or later, and are closed", async () => {
    for (const run of [() => broken(), async () => broken()]) {
      let closed = 0;
      const prepared = { run, close: async () => void closed++ };
      const benchmark = { name: "broken", size: 1, operations: 1, prepare: () => prepared };
      await assert.rejects(runBenchmark(benchmark, smokeTiming), /out of order/);
      assert.equal(closed, 1);
    }
  });

  test("fail where only a timed run throws", async () => {
    let runs = 0;
    const run = (): number => (++runs > 2 ? broken() : 1);
    const benchmark = { name: "broken later", size: 1, operations: 1, prepare: () => ({ run }) };
    await assert.rejects(runBenchmark(benchmark, smokeTiming), /out of order/);
  });
});

function broken(): never {
  throw new RangeError("out of order");
}
