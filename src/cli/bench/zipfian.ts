import type { Random } from "../../base/random.js";
import { murmur3 } from "../../ring/token.js";

/** Chooses which record the next operation touches: a whole number in [0, records). */
export type RecordChooser = () => number;

export const distributions = ["uniform", "zipfian", "latest"] as const;
export type Distribution = (typeof distributions)[number];

/** YCSB's constant: how much the popular items stand out. */
export const zipfianTheta = 0.99;

/** YCSB draws from this many ranks and hashes them onto the records, so the skew does not depend on `records`. */
const scrambledRanks = 10_000_000_000;
/** Sum of 1 / i^0.99 for i from 1 to 10^10, as in YCSB's ScrambledZipfianGenerator. */
const scrambledZeta = 26.46902820178302;
/** Larger sums are continued by an integral. */
const zetaTerms = 1_000_000;

export function uniformChooser(random: Random, records: number): RecordChooser {
  return () => random.below(records);
}

/**
 * YCSB's scrambled zipfian: ranks after Gray, Sundaresan, Englert, Baclawski and Weinberger, "Quickly generating
 * billion-record synthetic databases" (SIGMOD 1994), scattered over the records by a hash (here murmur3, there FNV-1).
 */
export function scrambledZipfianChooser(random: Random, records: number): RecordChooser {
  const rank = zipfianRanks(random, scrambledRanks, scrambledZeta);
  const bytes = Buffer.alloc(8);
  return () => {
    const chosen = rank();
    bytes.writeUInt32LE(chosen % 2 ** 32, 0);
    bytes.writeUInt32LE(Math.floor(chosen / 2 ** 32), 4);
    return murmur3(bytes, 0, 8, 0) % records;
  };
}

/** YCSB's "latest": zipfian with the newest record as the most popular. `records` is asked each time, as it may grow. */
export function latestChooser(random: Random, records: () => number): RecordChooser {
  const initial = records();
  const rank = zipfianRanks(random, initial, zeta(initial));
  return () => Math.max(0, records() - 1 - rank());
}

/** Ranks in [0, ranks), 0 the most frequent: P(rank) is in proportion to 1 / (rank + 1)^theta. */
export function zipfianRanks(random: Random, ranks: number, zetaOfRanks: number): () => number {
  const alpha = 1 / (1 - zipfianTheta);
  const zetaOfTwo = 1 + 0.5 ** zipfianTheta;
  const eta = (1 - (2 / ranks) ** (1 - zipfianTheta)) / (1 - zetaOfTwo / zetaOfRanks);
  return () => {
    const unit = random.unit();
    const scaled = unit * zetaOfRanks;
    if (scaled < 1) return 0;
    if (scaled < zetaOfTwo) return Math.min(1, ranks - 1);
    return Math.min(ranks - 1, Math.floor(ranks * (eta * unit - eta + 1) ** alpha));
  };
}

/** Sum of 1 / i^theta for i from 1 to `ranks`; past a million terms by the Euler-Maclaurin formula. */
export function zeta(ranks: number): number {
  const exact = Math.min(ranks, zetaTerms);
  let sum = 0;
  for (let i = 1; i <= exact; i++) sum += 1 / i ** zipfianTheta;
  if (ranks <= exact) return sum;
  const antiderivative = (x: number): number => x ** (1 - zipfianTheta) / (1 - zipfianTheta);
  const halfEnds = (ranks ** -zipfianTheta - exact ** -zipfianTheta) / 2;
  return sum + antiderivative(ranks) - antiderivative(exact) + halfEnds;
}
