import type { Mix } from "./mix.js";
import type { RoadName } from "./road.js";
import type { Distribution } from "./zipfian.js";

/** Everything that decides a benchmark; printed with its result. */
export interface BenchSettings {
  readonly endpoint: string;
  readonly map: string;
  readonly records: number;
  readonly load: boolean;
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly callers: number;
  readonly valueBytes: number;
  readonly mix: Mix;
  readonly workload: string | undefined;
  readonly distribution: Distribution;
  readonly road: RoadName | "both";
  /** With road "both": how often each road takes its turn. */
  readonly rounds: number;
  readonly seed: number;
}
