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
  /** Entries that were read or written, where a step touches several; the latencies are those of whole steps. */
  readonly operations: number;
}

/** What one run gave. */
export interface RunFigures {
  readonly elapsedMs: number;
  readonly operations: number;
  readonly operationsPerSecond: number;
  readonly kinds: Partial<Record<BenchKind, KindFigures>>;
  /** Of the steps of all kinds together. */
  readonly latency: LatencyFigures;
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
const ticksPerMs = 1000 * ticksPerUs;
/** Longer ones count as this: 200 s. Ticks stay below 2^31, where arithmetic on them is cheapest. */
const mostTicks = 2_000_000_000;

/** Latencies up to 2^11 ticks are counted each, longer ones by their highest 11 bits, as an HDR histogram of three digits does. */
const exactBits = 11;
const rowMask = (1 << exactBits) - 1;

/**
 * The steps of one kind. Counted in a plain table, and put into an HDR histogram at the end: recording into that took
 * 0.17 µs a step, this takes a tenth.
 */
class KindRecorder {
  entries = 0;
  /** A row for each number of bits that is dropped, the lower half of it unused but in the first. */
  readonly #counts = new Uint32Array((32 - exactBits + 1) << exactBits);

  record(ticks: number, entries: number): void {
    this.entries += entries;
    const dropped = Math.max(0, 32 - exactBits - Math.clz32(ticks));
    (this.#counts[(dropped << exactBits) + (ticks >>> dropped)] as number)++;
  }

  addTo(histogram: Histogram): void {
    for (let i = 0; i < this.#counts.length; i++) {
      const count = this.#counts[i] as number;
      if (count > 0) histogram.recordValueWithCount((i & rowMask) << (i >>> exactBits), count);
    }
  }
}

/** Collects what callers see. HOT: `record` is called for every step. */
export class Recorder {
  misses = 0;
  wrong = 0;
  readonly #kinds = new Map<BenchKind, KindRecorder>();
  readonly #errors = new Map<string, number>();
  /** Of the step before: most runs have one kind. */
  #lastKind: BenchKind | undefined;
  #last = new KindRecorder();

  record(kind: BenchKind, latencyMs: number, entries: number): void {
    if (kind !== this.#lastKind) this.#choose(kind);
    const ticks = latencyMs * ticksPerMs;
    this.#last.record(ticks < mostTicks ? (ticks + 0.5) | 0 : mostTicks, entries);
  }

  #choose(kind: BenchKind): void {
    this.#last = this.#kinds.get(kind) ?? new KindRecorder();
    this.#kinds.set(kind, this.#last);
    this.#lastKind = kind;
  }

  fail(code: string): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  figures(elapsedMs: number, clientCpuSeconds: number): RunFigures {
    const kinds: Partial<Record<BenchKind, KindFigures>> = {};
    let operations = 0;
    const all = emptyHistogram();
    for (const [kind, recorder] of this.#kinds) {
      const histogram = emptyHistogram();
      recorder.addTo(histogram);
      recorder.addTo(all);
      kinds[kind] = { operations: recorder.entries, ...latencyFigures(histogram) };
      operations += recorder.entries;
    }
    return {
      elapsedMs,
      operations,
      operationsPerSecond: operations / Math.max(elapsedMs / 1000, 1e-9),
      kinds,
      latency: latencyFigures(all),
      errors: Object.fromEntries(this.#errors),
      misses: this.misses,
      wrong: this.wrong,
      clientCpuSeconds,
    };
  }
}

function emptyHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: mostTicks, numberOfSignificantValueDigits: 3 });
}

function latencyFigures(histogram: Histogram): LatencyFigures {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / ticksPerUs;
  return {
    meanUs: histogram.mean / ticksPerUs,
    p50Us: at(50),
    p90Us: at(90),
    p99Us: at(99),
    p999Us: at(99.9),
    maxUs: histogram.maxValue / ticksPerUs,
  };
}
