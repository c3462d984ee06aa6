import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Accounting } from "../../src/canister/accounting.js";
import { cutRange, equalTokens, rangeContains, tokenSpaceEnd, wholeTokenSpace, type HashRange } from "../../src/ring/hash-range.js";
import { compareTokens, type Token } from "../../src/ring/token.js";
import { countEntries, entriesIn, rangeAndTokens, sumOf, type TokenEntry } from "./token-entries.js";

const settings = { seed: 20_261_123, numRuns: 400 };

/** An accounting of the entries, by `add`. */
function accountingOf(range: HashRange, entries: readonly TokenEntry[], depth?: number): Accounting {
  const accounting = depth === undefined ? new Accounting(range) : new Accounting(range, depth);
  for (const { token, bytes } of entries) accounting.add(token.high, 1, bytes);
  return accounting;
}

function sumOfCells(accounting: Accounting): { entries: number; bytes: number } {
  return sumOf(Array.from({ length: accounting.cells }, (_, cell) => accounting.amountOfCell(cell)));
}

describe("the accounting of a canister", () => {
  test("has a total that is the sum of its cells, whatever is added and taken away", () => {
    fc.assert(
      fc.property(rangeAndTokens, fc.array(fc.nat()), ({ range, entries }, removed) => {
        const accounting = accountingOf(range, entries);
        const gone = new Set(removed.map((pick) => pick % Math.max(1, entries.length)));
        const left = entries.filter((_, i) => !gone.has(i));
        entries.forEach(({ token, bytes }, i) => gone.has(i) && accounting.add(token.high, -1, -bytes));
        assert.deepEqual({ entries: accounting.entries, bytes: accounting.bytes }, countEntries(left));
        assert.deepEqual(sumOfCells(accounting), countEntries(left));
      }),
      settings,
    );
  });

  test("has cells that cover its range without gap or overlap, each entry in the cell of its token", () => {
    fc.assert(
      fc.property(rangeAndTokens, ({ range, entries }) => {
        const accounting = accountingOf(range, entries);
        let expected = range.start;
        for (let cell = 0; cell < accounting.cells; cell++) {
          const own = accounting.rangeOfCell(cell);
          assert.ok(equalTokens(own.start, expected) && compareTokens(own.start, own.end) < 0, `cell ${cell}`);
          assert.deepEqual(accounting.amountOfCell(cell), countEntries(entriesIn(entries, own)), `cell ${cell}`);
          expected = own.end;
        }
        assert.ok(equalTokens(expected, range.end));
        for (const { token } of entries) {
          const own = accounting.rangeOfCell(accounting.cellOfToken(token));
          assert.ok(rangeContains(own, token.high, token.low));
        }
      }),
      settings,
    );
  });

  test("is cut into halves that are exact, cell by cell, at any cut and again at any cut of the halves", () => {
    fc.assert(
      fc.property(rangeAndTokens, fc.array(fc.nat(), { maxLength: 4 }), ({ range, entries, cuts }, picks) => {
        let parts = [accountingOf(range, entries)];
        picks.forEach((pick, i) => {
          const cut = cuts[i % cuts.length] as Token;
          parts = parts.flatMap((part) => (pick % 3 === 0 ? [part] : cutBoth(part, cut, entries)));
        });
        assert.deepEqual(sumOf(parts), countEntries(entries));
        for (const part of parts) {
          const recounted = accountingOf(part.range, entriesIn(entries, part.range), part.depth);
          for (let cell = 0; cell < part.cells; cell++) assert.deepEqual(part.amountOfCell(cell), recounted.amountOfCell(cell));
        }
      }),
      settings,
    );
  });

  test("hands out its changes once, and they rebuild it", () => {
    fc.assert(
      fc.property(rangeAndTokens, fc.nat({ max: 60 }), ({ range, entries }, checkpoint) => {
        const accounting = accountingOf(range, entries.slice(0, checkpoint));
        const rebuilt = new Accounting(range);
        const replay = (cell: number, count: number, bytes: number): void => rebuilt.addToCell(cell, count, bytes);
        accounting.takeChanges(replay);
        assert.equal(accounting.changedCellCount, 0);
        for (const { token, bytes } of entries.slice(checkpoint)) accounting.add(token.high, 1, bytes);
        accounting.takeChanges(replay);
        accounting.takeChanges(() => assert.fail("a change was handed out twice"));
        assert.deepEqual({ entries: rebuilt.entries, bytes: rebuilt.bytes }, countEntries(entries));
        for (let cell = 0; cell < rebuilt.cells; cell++) assert.deepEqual(rebuilt.amountOfCell(cell), accounting.amountOfCell(cell));
      }),
      settings,
    );
  });

  test("has one cell for a range of one token, and for the last token of all", () => {
    for (const start of [
      { high: 7, low: 9 },
      { high: 2 ** 32 - 1, low: 2 ** 32 - 1 },
    ]) {
      const end = start.low === 2 ** 32 - 1 ? tokenSpaceEnd : { high: start.high, low: start.low + 1 };
      const accounting = new Accounting({ start, end });
      accounting.add(start.high, 1, 100);
      assert.equal(accounting.cells, 1);
      assert.deepEqual(accounting.amountOfCell(0), { entries: 1, bytes: 100 });
      assert.deepEqual(accounting.rangeOfCell(0), { start, end });
    }
  });

  test("keeps 256 cells for the whole token space and at most 257 for any fresh range", () => {
    assert.equal(new Accounting(wholeTokenSpace).cells, 256);
    fc.assert(
      fc.property(rangeAndTokens, ({ range }) => new Accounting(range).cells <= 257),
      settings,
    );
  });

  test("does not count at a token outside of its range", () => {
    const accounting = new Accounting({ start: { high: 2 ** 31, low: 0 }, end: tokenSpaceEnd });
    assert.throws(() => accounting.add(5, 1, 10), { code: "INTERNAL" });
  });
});

/** Both sides of a cut, or the accounting itself where the token does not cut it. */
function cutBoth(part: Accounting, cut: Token, entries: readonly TokenEntry[]): Accounting[] {
  const { range } = part;
  if (!rangeContains(range, cut.high, cut.low) || equalTokens(range.start, cut)) return [part];
  const cell = part.rangeOfCell(part.cellOfToken(cut));
  return cutRange(range, cut).map((side) => {
    const start = compareTokens(cell.start, side.start) < 0 ? side.start : cell.start;
    const end = compareTokens(cell.end, side.end) < 0 ? cell.end : side.end;
    return part.cutTo(side, countEntries(compareTokens(start, end) < 0 ? entriesIn(entries, { start, end }) : []));
  });
}
