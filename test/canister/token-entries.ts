import fc from "fast-check";
import type { Amount } from "../../src/canister/accounting.js";
import { rangeContains, tokenSpaceEnd, type HashRange } from "../../src/ring/hash-range.js";
import type { Token } from "../../src/ring/token.js";

/** An entry as the accounting sees it. */
export interface TokenEntry {
  readonly token: Token;
  readonly bytes: number;
}

export function entriesIn(entries: readonly TokenEntry[], range: HashRange): TokenEntry[] {
  return entries.filter(({ token }) => rangeContains(range, token.high, token.low));
}

export function countEntries(entries: readonly TokenEntry[]): Amount {
  return { entries: entries.length, bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0) };
}

export function sumOf(amounts: readonly Amount[]): Amount {
  return amounts.reduce((sum, { entries, bytes }) => ({ entries: sum.entries + entries, bytes: sum.bytes + bytes }), {
    entries: 0,
    bytes: 0,
  });
}

export function tokenOfNumber(number: bigint): Token {
  return { high: Number(number >> 32n), low: Number(number & 0xffff_ffffn) };
}

const tokenSpace = 2n ** 64n;

/** A width of 1 token to the whole space, every order of magnitude alike. */
const width = fc.tuple(fc.nat({ max: 64 }), fc.bigInt({ min: 0n, max: tokenSpace })).map(([bits, noise]) => {
  const power = 2n ** BigInt(bits);
  return power + (power === tokenSpace ? 0n : noise % power);
});

/** A range of any width at any place, some of them at the very end of the token space or on round borders. */
const anyRange = fc
  .tuple(width, fc.bigInt({ min: 0n, max: tokenSpace }), fc.constantFrom("anywhere", "first", "last", "round"))
  .map(([wide, noise, where]) => {
    const room = tokenSpace - wide;
    const start = where === "first" ? 0n : where === "last" ? room : noise % (room + 1n);
    return { start: where === "round" ? (start / wide) * wide : start, width: wide };
  });

/** A range with entries and cuts in it; tokens crowd at its borders and in clumps, as well as anywhere. */
export const rangeAndTokens = anyRange.chain(({ start, width }) => {
  const offset = fc.oneof(
    fc.bigInt({ min: 0n, max: width - 1n }),
    fc.bigInt({ min: 0n, max: width < 4n ? width - 1n : 3n }),
    fc.bigInt({ min: width < 4n ? 0n : width - 4n, max: width - 1n }),
  );
  const token = offset.map((number) => tokenOfNumber(start + number));
  const end = start + width;
  const range: HashRange = { start: tokenOfNumber(start), end: end === tokenSpace ? tokenSpaceEnd : tokenOfNumber(end) };
  return fc.record({
    range: fc.constant(range),
    entries: fc.array(fc.record({ token, bytes: fc.integer({ min: 40, max: 5_000 }) }), { maxLength: 60 }),
    cuts: fc.array(token, { minLength: 1, maxLength: 4 }),
  });
});
