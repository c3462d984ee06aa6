import type { Random } from "../../base/random.js";

/** Chooses which record the next operation touches: a whole number in [0, records). HOT. */
export type RecordChooser = () => number;

/** What a chooser returns that has no more records to give. */
export const noRecord = -1;

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
 * billion-record synthetic databases" (SIGMOD 1994), scattered over the records by a hash (here murmur3's last steps, there
 * FNV-1).
 */
export function scrambledZipfianChooser(random: Random, records: number): RecordChooser {
  const rank = zipfianRanks(random, scrambledRanks, scrambledZeta);
  return () => {
    const chosen = rank();
    const high = Math.floor(chosen / 2 ** 32);
    const hash = mixed(mixed(high + 1) ^ (chosen - high * 2 ** 32));
    return Math.floor(((hash >>> 0) / 2 ** 32) * records);
  };
}

/** The finalizer of murmur3: every bit of the answer depends on every bit of the word. */
function mixed(word: number): number {
  let hash = word | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Every record once, far apart from the one before, then `noRecord`: for what may be done to a record only once. */
export class OnceChooser {
  /** How many were given out. */
  taken = 0;
  readonly #records: number;
  readonly #stride: number;

  constructor(records: number) {
    this.#records = records;
    this.#stride = strideThrough(records);
  }

  next(): number {
    return this.taken < this.#records ? this.recordAt(this.taken++) : noRecord;
  }

  /** The record that was given out, or will be, after `place` others. */
  recordAt(place: number): number {
    return (place * this.#stride) % this.#records;
  }
}

/** A step that has no factor in common with the number of records reaches all of them; this one is near the golden section. */
function strideThrough(records: number): number {
  let stride = Math.max(1, Math.floor(records * 0.6180339887));
  while (greatestCommonDivisor(stride, records) !== 1) stride++;
  return stride;
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right);
}

/** YCSB's "latest": zipfian with the newest record as the most popular. `records` is asked each time, as it may grow. */
export function latestChooser(random: Random, records: () => number): RecordChooser {
  const initial = records();
  const rank = zipfianRanks(random, initial, zeta(initial));
  return () => Math.max(0, records() - 1 - rank());
}

/** The exponent of Gray's formula, 1 / (1 - theta), is 100. Products take a quarter of the time of `**`. */
function hundredthPower(x: number): number {
  const x4 = x * x * (x * x);
  const x32 = ((x4 * x4) ** 2) ** 2;
  return x4 * x32 * (x32 * x32);
}

/** Ranks in [0, ranks), 0 the most frequent: P(rank) is in proportion to 1 / (rank + 1)^theta. */
export function zipfianRanks(random: Random, ranks: number, zetaOfRanks: number): () => number {
  const zetaOfTwo = 1 + 0.5 ** zipfianTheta;
  const eta = (1 - (2 / ranks) ** (1 - zipfianTheta)) / (1 - zetaOfTwo / zetaOfRanks);
  return () => {
    const unit = random.unit();
    const scaled = unit * zetaOfRanks;
    if (scaled < 1) return 0;
    if (scaled < zetaOfTwo) return Math.min(1, ranks - 1);
    return Math.min(ranks - 1, Math.floor(ranks * hundredthPower(eta * unit - eta + 1)));
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
