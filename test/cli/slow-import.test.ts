import assert from "node:assert/strict";
import { test } from "node:test";
import { loadRows } from "../../src/cli/transfer/loader.js";
import { RowColumns } from "../../src/cli/transfer/row-columns.js";
import { turn } from "../client/held-connection.js";
import { ManualClock } from "../client/manual-clock.js";

test("an import sends more batches at once while they are answered in time, and one alone where they are slow", async () => {
  const clock = new ManualClock();
  const answers: (() => void)[] = [];
  const rows = Array.from({ length: 30_000 }, (_, i) => {
    return { lineNumber: i + 1, entry: { key: Buffer.from(`key ${i}`), value: Buffer.from("v") }, error: undefined };
  });
  async function* source(): AsyncIterable<RowColumns> {
    yield RowColumns.of(rows);
  }
  const write = async (): Promise<ReadonlyMap<number, never>> => {
    await new Promise<void>((resolve) => answers.push(resolve));
    return new Map<number, never>();
  };
  const signal = new AbortController().signal;
  const loaded = loadRows(source(), write, { clock, signal, skipBad: false, onBadRow: () => undefined, onProgress: () => undefined });
  /** Answers all that is under way after so long; how many batches there were. */
  const answerAll = async (afterMs: number): Promise<number> => {
    await turn();
    clock.advance(afterMs);
    const underWay = answers.splice(0);
    for (const answer of underWay) answer();
    return underWay.length;
  };
  const counts: number[] = [];
  for (const afterMs of [10, 10, 10, 10, 5_000, 5_000, 10]) counts.push(await answerAll(afterMs));
  assert.deepEqual(counts, [1, 2, 4, 6, 6, 1, 1]);
  while ((await answerAll(10)) > 0);
  assert.equal((await loaded).entries, rows.length);
});
