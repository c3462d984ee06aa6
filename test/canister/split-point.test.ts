import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { limits } from "../../src/base/limits.js";
import { Accounting } from "../../src/canister/accounting.js";
import { findSplitPoint, splitPointAt, storedEntryBytes, type SplitPoint } from "../../src/canister/split-point.js";
import { canCutAt, rangeContains, tokenSpaceEnd, wholeTokenSpace, type HashRange } from "../../src/ring/hash-range.js";
import { compareTokens, type Token } from "../../src/ring/token.js";
import { encodeEntryKey, entryHeaderBytes, entryKeyRange, tokenOfEntryKey, writeEntryHeader } from "../../src/storage/key-layout.js";
import { MemoryEngine } from "../../src/storage/memory-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { entriesIn, rangeAndTokens, type TokenEntry } from "./token-entries.js";

const mapId = 5;

/** An engine and an accounting that hold the entries; each has a key of 4 B. */
async function stored(
  range: HashRange,
  entries: readonly TokenEntry[],
  depth?: number,
): Promise<{ engine: MemoryEngine; accounting: Accounting }> {
  const engine = new MemoryEngine();
  const accounting = depth === undefined ? new Accounting(range) : new Accounting(range, depth);
  const batch = new WriteBatch();
  entries.forEach(({ token, bytes }, i) => {
    const key = Buffer.alloc(4);
    key.writeUInt32BE(i);
    const value = Buffer.alloc(entryHeaderBytes + bytes - limits.entryOverheadBytes - key.length);
    writeEntryHeader(value, 0, i + 1, value.length - entryHeaderBytes);
    batch.put(encodeEntryKey(mapId, token, key), value);
    accounting.add(token.high, 1, bytes);
  });
  // Entries of neighbouring maps must not be seen.
  for (const other of [mapId - 1, mapId + 1])
    batch.put(encodeEntryKey(other, { high: 1, low: 1 }, Buffer.from("x")), Buffer.alloc(entryHeaderBytes + 900));
  await engine.write(batch, "os");
  return { engine, accounting };
}

/** An accounting of the same cells, counted from what is stored. */
async function recount(engine: MemoryEngine, like: Accounting): Promise<Accounting> {
  const counted = new Accounting(like.range, like.depth);
  const reader = engine.openReader(entryKeyRange(mapId, like.range));
  const rows = await reader.next({ maxRows: 100_000, maxBytes: 2 ** 30 });
  rows.keys.forEach((key, i) => {
    const token = tokenOfEntryKey(Buffer.from(key));
    assert.ok(rangeContains(like.range, token.high, token.low));
    counted.add(token.high, 1, storedEntryBytes(key.length, (rows.values[i] as Uint8Array).length));
  });
  reader.close();
  return counted;
}

async function expectExact(engine: MemoryEngine, point: SplitPoint): Promise<void> {
  for (const side of [point.left, point.right]) {
    const counted = await recount(engine, side);
    assert.deepEqual([side.entries, side.bytes], [counted.entries, counted.bytes]);
    for (let cell = 0; cell < side.cells; cell++) assert.deepEqual(side.amountOfCell(cell), counted.amountOfCell(cell), `cell ${cell}`);
  }
  assert.ok(compareTokens(point.left.range.end, point.cut) === 0 && compareTokens(point.right.range.start, point.cut) === 0);
}

/** Bytes of the fullest token: no cut can do better than to miss the half by half of it. */
function heaviestToken(entries: readonly TokenEntry[]): number {
  const byToken = new Map<string, number>();
  for (const { token, bytes } of entries)
    byToken.set(`${token.high}/${token.low}`, (byToken.get(`${token.high}/${token.low}`) ?? 0) + bytes);
  return Math.max(0, ...byToken.values());
}

const tokensOf = (entries: readonly TokenEntry[]): number => new Set(entries.map(({ token }) => `${token.high}/${token.low}`)).size;

describe("the split point", () => {
  test("is exact on both sides and leaves a quarter of the bytes on each, or all but the heaviest token's half", async () => {
    await fc.assert(
      fc.asyncProperty(rangeAndTokens, fc.option(fc.nat({ max: 32 }), { nil: undefined }), async ({ range, entries }, coarser) => {
        const depth = coarser === undefined ? undefined : Math.min(coarser, new Accounting(range).depth);
        const { engine, accounting } = await stored(range, entries, depth);
        const total = accounting.bytes;
        if (tokensOf(entries) < 2) {
          await assert.rejects(findSplitPoint(engine, mapId, accounting), { code: "CANISTER_UNSPLITTABLE" });
          return;
        }
        const point = await findSplitPoint(engine, mapId, accounting);
        await expectExact(engine, point);
        assert.ok(point.left.entries > 0 && point.right.entries > 0);
        const smaller = Math.min(point.left.bytes, point.right.bytes);
        assert.ok(smaller >= Math.min(total / 4, (total - heaviestToken(entries)) / 2), `${smaller} of ${total} B`);
      }),
      { seed: 20_261_126, numRuns: 300 },
    );
  });

  test("halves the bytes of many even entries within one cell", async () => {
    const entries = Array.from({ length: 4_096 }, (_, i): TokenEntry => ({ token: { high: i * 2 ** 20, low: i }, bytes: 100 }));
    const { engine, accounting } = await stored(wholeTokenSpace, entries);
    const { left, right } = await findSplitPoint(engine, mapId, accounting);
    assert.ok(Math.abs(left.bytes - right.bytes) <= 2 * (accounting.bytes / accounting.cells));
  });

  test("lies inside of a cell that holds nearly everything", async () => {
    const crowd = Array.from({ length: 1_000 }, (_, i): TokenEntry => ({ token: { high: 77, low: i * 3 }, bytes: 200 }));
    const entries = [...crowd, { token: { high: 2 ** 32 - 1, low: 5 }, bytes: 40 }];
    const { engine, accounting } = await stored(wholeTokenSpace, entries);
    const point = await findSplitPoint(engine, mapId, accounting);
    await expectExact(engine, point);
    assert.equal(point.cut.high, 77);
    assert.ok(Math.abs(point.left.bytes - point.right.bytes) <= 400);
  });

  test("stands before or after a token that outweighs all the others together, whichever is nearer to the half", async () => {
    const heavy: TokenEntry = { token: { high: 500, low: 10 }, bytes: 60_000 };
    const light = (low: number): TokenEntry => ({ token: { high: 500, low }, bytes: 1_000 });
    for (const { entries, cutLow } of [
      { entries: [light(1), heavy], cutLow: 10 },
      { entries: [heavy, light(11), light(12)], cutLow: 11 },
      { entries: [light(1), heavy, light(11), light(12)], cutLow: 11 },
    ]) {
      const { engine, accounting } = await stored(wholeTokenSpace, entries);
      const point = await findSplitPoint(engine, mapId, accounting);
      await expectExact(engine, point);
      assert.deepEqual(point.cut, { high: 500, low: cutLow });
    }
  });

  test("does not exist where all entries are on one token, there is one entry, or none", async () => {
    const token = { high: 2 ** 32 - 1, low: 2 ** 32 - 1 };
    for (const entries of [[], [{ token, bytes: 50 }], Array.from({ length: 50 }, () => ({ token, bytes: 500 }))]) {
      const { engine, accounting } = await stored(wholeTokenSpace, entries);
      await assert.rejects(findSplitPoint(engine, mapId, accounting), { code: "CANISTER_UNSPLITTABLE" });
    }
  });
});

describe("a split at a given token", () => {
  test("is exact on both sides, on the grid of the cells and off it", async () => {
    await fc.assert(
      fc.asyncProperty(rangeAndTokens, async ({ range, entries, cuts }) => {
        const { engine, accounting } = await stored(range, entries);
        const onGrid = Array.from({ length: Math.min(3, accounting.cells) }, (_, i) => accounting.startOfCell(i));
        for (const cut of [...cuts, ...onGrid].filter((token) => canCutAt(range, token))) {
          const point = await splitPointAt(engine, mapId, accounting, cut);
          await expectExact(engine, point);
          assert.equal(point.left.entries, entriesIn(entries, point.left.range).length);
          assert.equal(point.right.entries, entriesIn(entries, point.right.range).length);
        }
      }),
      { seed: 20_261_127, numRuns: 150 },
    );
  });

  test("is refused at the range's own start and outside of it", async () => {
    const range: HashRange = { start: { high: 10, low: 5 }, end: { high: 20, low: 0 } };
    const { engine, accounting } = await stored(range, []);
    const outside: Token[] = [range.start, range.end, { high: 10, low: 4 }, { high: 0, low: 0 }, tokenSpaceEnd];
    for (const cut of outside) await assert.rejects(splitPointAt(engine, mapId, accounting, cut), { code: "INVALID_ARGUMENT" });
  });
});
