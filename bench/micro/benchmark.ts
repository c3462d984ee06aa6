import type { Random } from "../../src/base/random.js";

/** How much a run does: all of it, or as little as shows that it works. */
export interface Scale {
  readonly isSmoke: boolean;
  /** Folders with data are made in this one, and removed. */
  readonly folder: string;
}

/** What was made for one benchmark. */
export interface Prepared {
  /** What is timed. What it returns is looked at, so that nothing is optimised away; a promise is waited for. */
  run(): number | Promise<number>;
  /** Called before every `run`, untimed. With it each sample is one `run`. */
  beforeEach?(): void;
  close?(): Promise<void>;
  /** Of rings: main memory a range, everything counted. */
  readonly bytesPerRange?: number;
}

/** One thing that is timed, at one size. `name` and `size` together are unique. */
export interface MicroBenchmark {
  readonly name: string;
  /** What the subject grows with: ranges, operations of a batch, bytes of a key. */
  readonly size: number;
  /** Operations that one `run` does. */
  readonly operations: number;
  prepare(): Prepared | Promise<Prepared>;
}

/** The benchmarks of one subject, in order. */
export type MicroSubject = (scale: Scale) => readonly MicroBenchmark[];

/** One of two sizes. */
export function sized<T>(scale: Scale, full: T, smoke: T): T {
  return scale.isSmoke ? smoke : full;
}

/** `length` random bytes of printable ASCII. */
export function randomText(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => 0x30 + random.below(64)));
}
