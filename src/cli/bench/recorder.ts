import { build, type Histogram } from "hdr-histogram-js";
import type { BenchKind } from "./mix.js";

/** Latencies of one kind, in microseconds. */
export interface LatencyFigures {
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

export interface KindFigures extends LatencyFigures {
  readonly operations: number;
}

/** What one run gave. */
export interface RunFigures {
  readonly elapsedMs: number;
  readonly operations: number;
  readonly operationsPerSecond: number;
  readonly kinds: Partial<Record<BenchKind, KindFigures>>;
  /** Failed operations by error code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Reads that found nothing. */
  readonly misses: number;
  /** Reads whose value was not the one its key must have. */
  readonly wrong: number;
  /** User and system time of this process. */
  readonly clientCpuSeconds: number;
}

/** Three digits of every latency from 0.1 µs up are exact. */
const ticksPerUs = 10;
const highestUs = 600_000_000;

/** Collects what callers see. HOT: `record` is called for every operation. */
export class Recorder {
  misses = 0;
  wrong = 0;
  readonly #histograms = new Map<BenchKind, Histogram>();
  readonly #errors = new Map<string, number>();

  record(kind: BenchKind, latencyMs: number): void {
    let histogram = this.#histograms.get(kind);
    if (histogram === undefined) {
      histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: highestUs * ticksPerUs, numberOfSignificantValueDigits: 3 });
      this.#histograms.set(kind, histogram);
    }
    histogram.recordValue(Math.min(Math.round(latencyMs * 1000 * ticksPerUs), highestUs * ticksPerUs));
  }

  fail(code: string): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  figures(elapsedMs: number, clientCpuSeconds: number): RunFigures {
    const kinds: Partial<Record<BenchKind, KindFigures>> = {};
    let operations = 0;
    for (const [kind, histogram] of this.#histograms) {
      kinds[kind] = kindFigures(histogram);
      operations += histogram.totalCount;
    }
    return {
      elapsedMs,
      operations,
      operationsPerSecond: operations / Math.max(elapsedMs / 1000, 1e-9),
      kinds,
      errors: Object.fromEntries(this.#errors),
      misses: this.misses,
      wrong: this.wrong,
      clientCpuSeconds,
    };
  }
}

function kindFigures(histogram: Histogram): KindFigures {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / ticksPerUs;
  return {
    operations: histogram.totalCount,
    meanUs: histogram.mean / ticksPerUs,
    p50Us: at(50),
    p90Us: at(90),
    p99Us: at(99),
    p999Us: at(99.9),
    maxUs: histogram.maxValue / ticksPerUs,
  };
}
