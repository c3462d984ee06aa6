import type { MicroSubject } from "./benchmark.js";
import { canisterBenchmarks } from "./canister.js";
import { engineBenchmarks } from "./engine.js";
import { entryCacheBenchmarks } from "./entry-cache.js";
import { groupCommitBenchmarks } from "./group-commit.js";
import { pipeCodecBenchmarks } from "./pipe-codec.js";
import { ringBenchmarks } from "./ring.js";
import { splitBenchmarks } from "./split.js";
import { tokenBenchmarks } from "./token.js";

/** All subjects, from the bottom of the house to its top. */
export const microSubjects: readonly MicroSubject[] = [
  tokenBenchmarks,
  ringBenchmarks,
  splitBenchmarks,
  pipeCodecBenchmarks,
  entryCacheBenchmarks,
  engineBenchmarks,
  canisterBenchmarks,
  groupCommitBenchmarks,
];
