/** Both engines against a plain sorted map, under any sequence of operations, reopens and crashes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MemoryDisk } from "../../src/storage/memory-disk.js";
import { MemoryEngine } from "../../src/storage/memory-engine.js";
import type { Durability, SnapshotReader, StorageEngine } from "../../src/storage/storage-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import type { EngineFixture } from "./conformance.js";
import { rocksFixture } from "./rocksdb-fixture.js";
import { bytes, readAll, rowsOf, textOf, wholeRange } from "./text-rows.js";

type Rows = Map<string, string>;
type Step =
  | { readonly kind: "write"; readonly rows: WrittenRows; readonly durability: Durability }
  | { readonly kind: "deleteRange"; readonly start: string; readonly end: string }
  | { readonly kind: "get"; readonly keys: readonly string[] }
  | { readonly kind: "openReader"; readonly start: string; readonly end: string }
  | { readonly kind: "page"; readonly reader: number; readonly maxRows: number; readonly maxBytes: number }
  | { readonly kind: "closeReader"; readonly reader: number }
  | { readonly kind: "reopen" }
  | { readonly kind: "crash"; readonly survivors: number };

interface ModelReader {
  readonly reader: SnapshotReader;
  /** Rows not read yet. */
  rest: [string, string][];
}

interface CrashFixture extends EngineFixture {
  crash?(survivors: number): void;
}

const key = fc.oneof(
  fc.constantFrom("a", "ab", "b", "\x00", "\xff", "\x7f", "\x80"),
  fc.integer({ min: 0, max: 400 }).map((i) => `k${i}`),
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), minLength: 1, maxLength: 3 }),
);
const value = fc.option(fc.string({ maxLength: 20, unit: fc.constantFrom("x", "y", "\xff", "\x00") }), { nil: null, freq: 4 });
const bulk = fc.integer({ min: 0, max: 300 }).map((from): Step => ({
  kind: "write",
  rows: Array.from({ length: 150 }, (_, i) => [`k${from + i}`, `bulk ${from}`] as const),
  durability: "os",
}));

function steps(withCrash: boolean): fc.Arbitrary<Step[]> {
  const reader = fc.integer({ min: 0, max: 3 });
  const rows = fc.array(fc.tuple(key, value), { maxLength: 12 });
  const maxRows = fc.integer({ min: 1, max: 90 });
  const maxBytes = fc.integer({ min: 1, max: 900 });
  const survivors = fc.integer({ min: 0, max: 3 });
  const durability = fc.constantFrom<Durability>("fsync", "os");
  const all: fc.WeightedArbitrary<Step>[] = [
    { weight: 8, arbitrary: fc.record({ kind: fc.constant("write" as const), rows, durability }) },
    { weight: 1, arbitrary: bulk },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("deleteRange" as const), start: key, end: key }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("get" as const), keys: fc.array(key, { maxLength: 8 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("openReader" as const), start: key, end: key }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("page" as const), reader, maxRows, maxBytes }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("closeReader" as const), reader }) },
    { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) },
  ];
  if (withCrash) all.push({ weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const), survivors }) });
  return fc.array(fc.oneof(...all), { minLength: 5, maxLength: 60 });
}

/** A plain map, what of it is durable, and the open readers with what they must still give. */
class Model {
  rows: Rows = new Map();
  durable: Rows = new Map();
  readonly unsynced: ((rows: Rows) => void)[] = [];
  readers: ModelReader[] = [];

  apply(change: (rows: Rows) => void, durability: Durability): void {
    change(this.rows);
    this.unsynced.push(change);
    if (durability === "fsync") this.sync();
  }

  sync(): void {
    this.durable = new Map(this.rows);
    this.unsynced.length = 0;
  }

  crash(survivors: number): void {
    this.rows = new Map(this.durable);
    for (const change of this.unsynced.slice(0, survivors)) change(this.rows);
    this.sync();
  }

  sorted(start: string, end: string): [string, string][] {
    const rows = [...this.rows].filter(([name]) => name >= start && name < end);
    return rows.sort(([left], [right]) => (left < right ? -1 : 1));
  }
}

async function run(fixture: CrashFixture, sequence: readonly Step[]): Promise<void> {
  const model = new Model();
  let engine = await fixture.open();
  try {
    for (const step of sequence) engine = await runStep(fixture, engine, model, step);
    assert.deepEqual(await readAll(engine), model.sorted("", "\uffff"));
  } finally {
    await engine.close();
    await fixture.remove();
  }
}

async function runStep(fixture: CrashFixture, engine: StorageEngine, model: Model, step: Step): Promise<StorageEngine> {
  switch (step.kind) {
    case "write":
      await write(engine, model, step.rows, step.durability);
      return engine;
    case "deleteRange":
      await engine.deleteRange({ start: bytes(step.start), end: bytes(step.end) });
      model.apply((rows) => {
        for (const name of [...rows.keys()]) if (name >= step.start && name < step.end) rows.delete(name);
      }, "os");
      return engine;
    case "get":
      assert.deepEqual(
        await textOf(engine, ...step.keys),
        step.keys.map((name) => model.rows.get(name)),
      );
      return engine;
    case "openReader":
      model.readers.push({
        reader: engine.openReader({ start: bytes(step.start), end: bytes(step.end) }),
        rest: model.sorted(step.start, step.end),
      });
      return engine;
    case "page":
      await page(model, step.reader, step.maxRows, step.maxBytes);
      return engine;
    case "closeReader":
      model.readers.splice(step.reader, 1)[0]?.reader.close();
      return engine;
    case "reopen":
      await engine.close();
      model.sync();
      break;
    case "crash":
      fixture.crash?.(step.survivors);
      model.crash(step.survivors);
      break;
  }
  model.readers = [];
  const next = await fixture.open();
  assert.deepEqual(await readAll(next, wholeRange), model.sorted("", "\uffff"));
  return next;
}

type WrittenRows = readonly (readonly [string, string | null])[];

async function write(engine: StorageEngine, model: Model, rows: WrittenRows, durability: Durability): Promise<void> {
  const batch = new WriteBatch(16);
  for (const [name, text] of rows) {
    if (text === null) batch.delete(bytes(name));
    else batch.put(bytes(name), bytes(text));
  }
  await engine.write(batch, durability);
  model.apply((target) => {
    for (const [name, text] of rows) {
      if (text === null) target.delete(name);
      else target.set(name, text);
    }
  }, durability);
}

/** A page is the longest start of what is left that no limit was reached before its last row. */
async function page(model: Model, index: number, maxRows: number, maxBytes: number): Promise<void> {
  const open = model.readers[index];
  if (open === undefined) return;
  const expected: [string, string][] = [];
  let sizeBytes = 0;
  while (expected.length < maxRows && sizeBytes < maxBytes && expected.length < open.rest.length) {
    const [name, text] = open.rest[expected.length] as [string, string];
    expected.push([name, text]);
    sizeBytes += name.length + text.length;
  }
  open.rest = open.rest.slice(expected.length);
  const read = await open.reader.next({ maxRows, maxBytes });
  assert.deepEqual(rowsOf(read), expected);
  assert.equal(read.finished, open.rest.length === 0);
}

describe("an engine equals a sorted map under any operations", () => {
  test("MemoryEngine, with crashes", async () => {
    const fixture = (): CrashFixture => {
      const disk = new MemoryDisk();
      return { open: async () => new MemoryEngine(disk), remove: async () => undefined, crash: (survivors) => disk.crash(survivors) };
    };
    await fc.assert(
      fc.asyncProperty(steps(true), (sequence) => run(fixture(), sequence)),
      { seed: 20201, numRuns: 200 },
    );
  });

  test("RocksEngine, reopened", async () => {
    await fc.assert(
      fc.asyncProperty(steps(false), async (sequence) => run(await rocksFixture(), sequence)),
      { seed: 20202, numRuns: 6 },
    );
  });
});
