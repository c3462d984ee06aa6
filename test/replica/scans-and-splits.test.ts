import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BigMapError } from "../../src/base/errors.js";
import { tokenOf } from "../../src/ring/token.js";
import { entriesOf } from "../base/scan-entries.js";
import { NodeUnderTest, keepLoopAlive, put, remove } from "./node-under-test.js";

const lasting = Array.from({ length: 60 }, (_, i) => `lasting-${i}`);

describe("a scan", () => {
  keepLoopAlive();

  test("sees each key that was there throughout exactly once, in ring order, across splits, writes and clears of others", async () => {
    const page = fc.record({
      maxEntries: fc.integer({ min: 1, max: 40 }),
      then: fc.constantFrom("split", "split", "write", "delete", "nothing"),
      pick: fc.nat({ max: 50 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(page, { minLength: 1, maxLength: 12 }), fc.boolean(), async (pages, keysOnly) => {
        const subject = await NodeUnderTest.open();
        await subject.node.router.createMap("m", { initialCanisters: 1 });
        await subject.ask(lasting.map((key) => put(key, `value of ${key}`)));
        const seen: string[] = [];
        let cursor: Uint8Array | undefined;
        for (let i = 0; i === 0 || cursor !== undefined; i++) {
          const { maxEntries, then, pick } = pages[i % pages.length] as (typeof pages)[number];
          const reading = subject.node.connection.scanPage({ map: "m", prefix: Buffer.from("lasting"), maxEntries, cursor, keysOnly });
          const change = disturb(subject, then, pick);
          const read = await reading;
          const entries = entriesOf(read);
          await change;
          assert.ok(entries.length <= maxEntries);
          seen.push(...entries.map(({ key }) => Buffer.from(key).toString()));
          for (const { key, value } of entries)
            assert.equal(Buffer.from(value).toString(), keysOnly ? "" : `value of ${Buffer.from(key).toString()}`);
          cursor = read.cursor;
        }
        assert.deepEqual(seen, [...lasting].sort(inRingOrder));
        await subject.expectSound();
        await subject.node.close();
      }),
      { seed: 20_261_204, numRuns: 60 },
    );
  });

  test("goes on after a restart with its old cursor", async () => {
    const subject = await NodeUnderTest.open();
    await subject.ask(lasting.map((key) => put(key, "v")));
    const request = { map: "m", prefix: new Uint8Array(0), maxEntries: 5, keysOnly: true };
    const seen: string[] = [];
    let cursor: Uint8Array | undefined;
    do {
      const page = await subject.node.connection.scanPage({ ...request, cursor });
      seen.push(...entriesOf(page).map(({ key }) => Buffer.from(key).toString()));
      cursor = page.cursor;
      if (seen.length % 3 === 0) await subject.crash();
    } while (cursor !== undefined);
    assert.deepEqual(seen, [...lasting].sort(inRingOrder));
    await subject.node.close();
  });

  test("refuses a cursor of a map that was dropped and made again", async () => {
    const subject = await NodeUnderTest.open();
    await subject.ask(lasting.map((key) => put(key, "v")));
    const request = { map: "m", prefix: new Uint8Array(0), maxEntries: 5, keysOnly: true };
    const { cursor } = await subject.node.connection.scanPage({ ...request, cursor: undefined });
    await subject.node.router.dropMap("m");
    await subject.ask([put("new", "v")]);
    await assert.rejects(subject.node.connection.scanPage({ ...request, cursor }), { code: "CURSOR_INVALID" });
    await subject.node.close();
  });
});

async function disturb(subject: NodeUnderTest, kind: string, pick: number): Promise<void> {
  if (kind === "write") await subject.ask(Array.from({ length: 10 }, (_, i) => put(`passing-${pick + i}`, Buffer.alloc(3_000))));
  if (kind === "delete") await subject.ask(Array.from({ length: 10 }, (_, i) => remove(`passing-${pick + i}`)));
  if (kind !== "split") return;
  const canisters = subject.canisters();
  try {
    await subject.node.router.splitCanister(canisters[pick % canisters.length]?.canisterId ?? 0, undefined);
  } catch (error) {
    assert.match(BigMapError.from(error).code, /CANISTER_UNSPLITTABLE|CANISTER_BUSY/);
  }
}

function inRingOrder(left: string, right: string): number {
  const [a, b] = [tokenOf(Buffer.from(left)), tokenOf(Buffer.from(right))];
  return a.high - b.high || a.low - b.low;
}
