import type { MicroBenchmark, Scale } from "./benchmark.js";
import { microSubjects } from "./subjects.js";

/** Those whose name has one of the words; without words all. */
export function selectBenchmarks(scale: Scale, words: readonly string[]): MicroBenchmark[] {
  const all = microSubjects.flatMap((subject) => subject(scale));
  return all.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
}
