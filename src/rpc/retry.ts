import { sleep, type Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { Random } from "../base/random.js";

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** How often it is tried in all; Infinity: until the deadline. */
  readonly maxAttempts: number;
  /** Wait after the first failure, on average; doubles with every further one. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** Monotonic; no attempt begins after it. Infinity: never. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** A failure that no further attempt would change, though its advice is "transient": someone else must be asked. */
  readonly isFinal?: (error: BigMapError) => boolean;
}

/**
 * How long to wait after the given failure, counted from 1: exponential, spread over [half, one and a half) so that
 * callers who failed together do not come back together.
 */
export function backoffMs(random: Random, failures: number, baseDelayMs: number, maxDelayMs: number): number {
  const centreMs = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(failures - 1, 30));
  return centreMs * (0.5 + random.unit());
}

/**
 * Runs until it succeeds, as long as each failure's advice is "transient", and it is not final. Errors: the last failure, or the signal's
 * reason where it is aborted while waiting.
 */
export async function retrying<Result>(options: RetryOptions, run: (attempt: number) => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run(attempt);
    } catch (thrown) {
      const error = BigMapError.from(thrown);
      if (error.retry !== "transient" || attempt >= options.maxAttempts || options.isFinal?.(error) === true) throw error;
      const delayMs = backoffMs(options.random, attempt, options.baseDelayMs, options.maxDelayMs);
      if (options.clock.monotonicMs() + delayMs >= options.deadlineMs) throw error;
      await sleep(options.clock, delayMs, options.signal);
    }
  }
}
