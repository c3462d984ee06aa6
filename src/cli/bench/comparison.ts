import type { BenchKind, Mix } from "./mix.js";
import type { RunFigures } from "./recorder.js";
import type { BenchRoad } from "./road.js";

/** One kind of operation by itself on one road, over all rounds. */
export interface ComparisonRow {
  readonly kind: BenchKind;
  readonly road: string;
  /** Median over the rounds. */
  readonly operationsPerSecond: number;
  /** Median over the rounds of the ratio to unary `get` (or the first kind, without gets) in the same round. */
  readonly ratio: number;
  readonly rounds: readonly RunFigures[];
}

export interface Comparison {
  /** What the ratios are relative to. */
  readonly baseline: { readonly kind: BenchKind; readonly road: string };
  readonly rows: readonly ComparisonRow[];
}

/**
 * Measures each kind of the mix by itself on each road, in turns, so that a machine that slows down or speeds up does so
 * for all of them alike.
 */
export async function compareRoads(
  roads: readonly BenchRoad[],
  mix: Mix,
  rounds: number,
  run: (road: BenchRoad, mix: Mix) => Promise<RunFigures>,
): Promise<Comparison> {
  const pairs = mix.flatMap(({ kind }) => roads.map((road) => ({ kind, road, rounds: [] as RunFigures[] })));
  for (let round = 0; round < rounds; round++) {
    for (const pair of pairs) pair.rounds.push(await run(pair.road, [{ kind: pair.kind, share: 1 }]));
  }
  const kind = mix.some((each) => each.kind === "get") ? "get" : (mix[0]?.kind ?? "get");
  const baseline = pairs.find((pair) => pair.kind === kind && pair.road.name === "unary") ?? pairs[0];
  return {
    baseline: { kind, road: baseline?.road.name ?? "unary" },
    rows: pairs.map((pair) => ({
      kind: pair.kind,
      road: pair.road.name,
      operationsPerSecond: median(pair.rounds.map((figures) => figures.operationsPerSecond)),
      ratio: median(
        pair.rounds.map((figures, i) => figures.operationsPerSecond / (baseline?.rounds[i]?.operationsPerSecond ?? Number.NaN)),
      ),
      rounds: pair.rounds,
    })),
  };
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
