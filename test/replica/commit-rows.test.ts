import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Durability, StorageEngine } from "../../src/storage/storage-engine.js";
import type { MemoryEngine } from "../../src/storage/memory-engine.js";
import { readWriteBatch, type WriteBatch } from "../../src/storage/write-batch.js";
import { NodeUnderTest, get, keepLoopAlive, put, putIfVersion, remove } from "./node-under-test.js";

/** The rows of entries that reach the engine, by their keys' last letter: "put a" or "delete a". */
class RowsSeen {
  rows: string[] = [];

  around(engine: MemoryEngine): StorageEngine {
    const write = engine.write.bind(engine);
    engine.write = (batch: WriteBatch, durability: Durability) => {
      const note = (kind: string, key: Buffer): void => {
        const letter = key.toString().slice(-1);
        if (/[a-z]/.test(letter)) this.rows.push(`${kind} ${letter}`);
      };
      readWriteBatch(
        batch.bytes(),
        (key) => note("put", key),
        (key) => note("delete", key),
      );
      return write(batch, durability);
    };
    return engine;
  }

  take(): string[] {
    const { rows } = this;
    this.rows = [];
    return rows;
  }
}

test("a write is expected as soon as updates come while nothing is under way, and only then", async (t) => {
  let expected = 0;
  const subject = await NodeUnderTest.open({
    wrap: (engine) => {
      engine.expectWrite = () => void expected++;
      return engine;
    },
  });
  t.after(() => subject.node.close());
  await subject.ask([put("a", "1")]);
  expected = 0;
  const first = subject.ask([put("a", "2")]);
  assert.equal(expected, 1);
  const others = [subject.ask([put("a", "3")]), subject.ask([get("a")])];
  assert.equal(expected, 1);
  await Promise.all([first, ...others]);
  await subject.ask([get("a"), put("a", "4")]);
  assert.equal(expected, 1, "what begins with a read is not looked through");
});

describe("the rows of a commit", () => {
  keepLoopAlive();

  test("several puts of one key with values of one size have one row, with the last value", async () => {
    const { seen, subject } = await opened();
    const puts = Array.from({ length: 50 }, (_, i) => put("a", `value ${10 + i}`));
    const answers = await subject.ask([...puts, get("a"), put("b", "once")]);
    assert.deepEqual(seen.take(), ["put a", "put b"]);
    const versions = answers.slice(0, 50).map(({ version }) => version);
    assert.deepEqual(
      versions,
      versions.map((_, i) => (versions[0] as number) + i),
    );
    assert.deepEqual(await subject.answers([get("a")]), ["=value 59"]);
    await subject.crash();
    assert.deepEqual(await subject.answers([get("a"), get("b")]), ["=value 59", "=once"]);
    await subject.expectSound();
    await subject.node.close();
  });

  test("the row is found again where the memory of the rows has grown meanwhile", async () => {
    const { seen, subject } = await opened();
    const large = Buffer.alloc(100_000, 7);
    await subject.ask([put("a", "one"), put("b", large), put("a", "two"), put("c", large), put("a", "six")]);
    assert.deepEqual(seen.take(), ["put a", "put b", "put c"]);
    await subject.crash();
    assert.deepEqual(await subject.answers([get("a"), get("c")]), ["=six", `=${large.toString()}`]);
    await subject.expectSound();
    await subject.node.close();
  });

  test("a put behind a delete, or of another size, has a row of its own", async () => {
    const { seen, subject } = await opened();
    await subject.ask([put("a", "one"), put("a", "two"), remove("a"), put("a", "six"), put("a", "seven"), put("a", "eight"), remove("b")]);
    assert.deepEqual(seen.take(), ["put a", "delete a", "put a", "put a"]);
    await subject.crash();
    assert.deepEqual(await subject.answers([get("a")]), ["=eight"]);
    await subject.ask([put("a", "nine9"), remove("a")]);
    assert.deepEqual(seen.take(), ["put a", "delete a"]);
    await subject.crash();
    assert.deepEqual(await subject.answers([get("a")]), ["absent"]);
    await subject.expectSound();
    await subject.node.close();
  });

  test("an atomic batch that is refused changes nothing in the row of the put before it", async () => {
    const { seen, subject } = await opened();
    const answers = await Promise.all([
      subject.answers([put("a", "first")]),
      subject.answers([put("a", "never"), putIfVersion("a", "never", 2 ** 40)], { atomic: true }),
    ]);
    assert.deepEqual(answers, [["written"], ["BATCH_ABORTED", "CONDITION_FAILED"]]);
    assert.deepEqual(seen.take(), ["put a"]);
    await subject.crash();
    assert.deepEqual(await subject.answers([get("a")]), ["=first"]);
    await subject.node.close();
  });
});

async function opened(): Promise<{ seen: RowsSeen; subject: NodeUnderTest }> {
  const seen = new RowsSeen();
  const subject = await NodeUnderTest.open({ capBytes: 2 ** 22, wrap: (engine) => seen.around(engine) });
  await subject.ask([put("warm", "up")]);
  seen.take();
  return { seen, subject };
}
