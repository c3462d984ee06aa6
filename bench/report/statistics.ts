/** The middle value and the extremes of what several rounds measured. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

/** Median of at least one number; between the two middle ones of an even count. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? NaN) + upper) / 2;
}

/** Undefined for no values. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { median: medianOf(values), min: Math.min(...values), max: Math.max(...values), rounds: values.length };
}

/** A figure of one round. */
export interface RoundFigure {
  readonly round: number;
  readonly value: number;
}

/**
 * Spread of the ratios within each round. A machine has slow minutes; within a round both sides met the same ones, so rounds
 * that only one side has do not count. Undefined where no round has both.
 */
export function ratioSpread(numerators: readonly RoundFigure[], denominators: readonly RoundFigure[]): Spread | undefined {
  const left = new Map<number, number[]>();
  for (const { round, value } of denominators) left.set(round, [...(left.get(round) ?? []), value]);
  const ratios = numerators.flatMap(({ round, value }) => {
    // Where a round measured both sides several times, the first stands against the first.
    const denominator = left.get(round)?.shift();
    return denominator === undefined || denominator === 0 ? [] : [value / denominator];
  });
  return spreadOf(ratios);
}
