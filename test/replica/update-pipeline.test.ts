import assert from "node:assert/strict";
import { test } from "node:test";
import { noFaults } from "../../src/base/fault-points.js";
import { AbsenceFilter } from "../../src/replica/absence-filter.js";
import { PendingKeys } from "../../src/replica/pending-keys.js";
import { EntryCache } from "../../src/replica/entry-cache.js";
import { UpdatePipeline } from "../../src/replica/update-pipeline.js";
import { WriteStamps } from "../../src/replica/write-stamps.js";
import type { StorageEngine } from "../../src/storage/storage-engine.js";
import { readWriteBatch, type WriteBatch } from "../../src/storage/write-batch.js";
import { ManualClock } from "../../src/testing/manual-clock.js";

/** Steps as they reach the disk: the keys of each write. */
class Recorder {
  readonly writes: string[][] = [];
  readonly pipeline: UpdatePipeline;

  constructor() {
    this.pipeline = new UpdatePipeline({
      engine: { write: (batch: WriteBatch) => this.#write(batch) } as unknown as StorageEngine,
      durability: "fsync",
      cache: new EntryCache(2 ** 20),
      absence: new AbsenceFilter(64),
      pendingKeys: new PendingKeys(),
      stamps: new WriteStamps(),
      clock: new ManualClock(),
      faults: noFaults,
      park: () => undefined,
      onAnswered: () => undefined,
      onCommitted: () => undefined,
      onFailed: () => undefined,
      firstCommitNumber: 1,
    });
  }

  #write(batch: WriteBatch): Promise<void> {
    const keys: string[] = [];
    const note = (key: Buffer): void => void keys.push(key.toString());
    readWriteBatch(batch.take(), note, note);
    this.writes.push(keys);
    return Promise.resolve();
  }
}

function putOf(key: string): (commit: { readonly rows: WriteBatch }) => void {
  return ({ rows }) => rows.put(Buffer.from(key), Buffer.from("value"));
}

test("what is pushed while a step is being prepared has a write of its own, behind it", async () => {
  const { pipeline, writes } = new Recorder();
  const order: string[] = [];
  let inner: Promise<unknown> = Promise.resolve();
  const outer = pipeline.runStepNow((commit) => {
    putOf("a")(commit);
    assert.equal(pipeline.isIdle, false);
    inner = pipeline.runStep(putOf("b")).then(() => order.push("b"));
    putOf("c")(commit);
  });
  await Promise.all([outer.then(() => order.push("a, c")), inner.then(() => undefined)]);
  await inner;
  assert.deepEqual(writes, [["a", "c"], ["b"]]);
  assert.deepEqual(order, ["a, c", "b"]);
});

test("rows of a step that fails while it is prepared are not written with the next", async () => {
  const { pipeline, writes } = new Recorder();
  const broken = (commit: { readonly rows: WriteBatch }): never => {
    putOf("half")(commit);
    throw new TypeError("no");
  };
  await assert.rejects(pipeline.runStepNow(broken));
  await assert.rejects(pipeline.runStep(broken));
  await pipeline.runStep(putOf("whole"));
  assert.deepEqual(writes, [["whole"]]);
});
