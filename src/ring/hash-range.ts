import { BigMapError } from "../base/errors.js";
import { formatToken, type Token } from "./token.js";

/** 2^64, the end of the token space: the only "token" whose high part does not fit 32 bits. */
export const tokenSpaceEnd: Token = { high: 2 ** 32, low: 0 };
export const tokenSpaceStart: Token = { high: 0, low: 0 };

/** A half-open range [start, end) of tokens; never empty. `end` may be `tokenSpaceEnd`. */
export interface HashRange {
  readonly start: Token;
  readonly end: Token;
}

export const wholeTokenSpace: HashRange = { start: tokenSpaceStart, end: tokenSpaceEnd };

export function rangeContains(range: HashRange, high: number, low: number): boolean {
  const { start, end } = range;
  return (high > start.high || (high === start.high && low >= start.low)) && (high < end.high || (high === end.high && low < end.low));
}

export function equalRanges(left: HashRange, right: HashRange): boolean {
  return equalTokens(left.start, right.start) && equalTokens(left.end, right.end);
}

export function equalTokens(left: Token, right: Token): boolean {
  return left.high === right.high && left.low === right.low;
}

/** Whether `cut` leaves tokens on both sides. */
export function canCutAt(range: HashRange, cut: Token): boolean {
  return rangeContains(range, cut.high, cut.low) && !equalTokens(range.start, cut);
}

/** [start, cut) and [cut, end). Errors: INVALID_ARGUMENT where one of them would be empty. */
export function cutRange(range: HashRange, cut: Token): readonly [HashRange, HashRange] {
  if (!canCutAt(range, cut)) {
    throw new BigMapError("INVALID_ARGUMENT", `Token ${formatToken(cut)} does not cut ${formatRange(range)} in two`);
  }
  return [
    { start: range.start, end: cut },
    { start: cut, end: range.end },
  ];
}

/** Part of the token space, in [0, 1]; for people and for drawing. */
export function rangeShare(range: HashRange): number {
  return (range.end.high - range.start.high) / 2 ** 32 + (range.end.low - range.start.low) / 2 ** 64;
}

export function formatRange(range: HashRange): string {
  return `[${formatToken(range.start)}, ${range.end.high === 2 ** 32 ? "2^64" : formatToken(range.end)})`;
}

/** `count` ranges of equal width that cover the token space. */
export function evenRanges(count: number): readonly HashRange[] {
  const starts = Array.from({ length: count }, (_, i): Token => {
    const position = (BigInt(i) << 64n) / BigInt(count);
    return { high: Number(position >> 32n), low: Number(position & 0xffffffffn) };
  });
  return starts.map((start, i) => ({ start, end: starts[i + 1] ?? tokenSpaceEnd }));
}
