import { assert } from "../base/errors.js";
import type { CancelTimer, Clock } from "../base/clock.js";

interface Timer {
  readonly dueMs: number;
  /** Timers that are due at the same time run in the order in which they were set. */
  readonly order: number;
  readonly run: () => void;
}

/**
 * Virtual time for tests: nothing passes until `advance` is called, and timers run in the order of their due times.
 * `wallMs` begins at a fixed date and moves together with `monotonicMs`, which begins at 0.
 */
export class ManualClock implements Clock {
  readonly #startWallMs: number;
  readonly #timers = new Set<Timer>();
  #nowMs = 0;
  #nextOrder = 0;

  constructor(startWallMs = Date.UTC(2024, 0, 1)) {
    this.#startWallMs = startWallMs;
  }

  wallMs(): number {
    return this.#startWallMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, run: () => void): CancelTimer {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#nextOrder++, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** When the next timer is due, as `monotonicMs`; undefined where none is set. */
  get nextDueMs(): number | undefined {
    return this.#next()?.dueMs;
  }

  /**
   * Moves time on by `durationMs` and runs each timer that falls due, also those set meanwhile, each at its own time.
   * Promise reactions do not run in between: see `advanceAndSettle`.
   */
  advance(durationMs: number): void {
    assert(durationMs >= 0, "time never goes back");
    const endMs = this.#nowMs + durationMs;
    while (this.#runNextUntil(endMs));
    this.#nowMs = endMs;
  }

  /** As `advance`, and lets all promise reactions run before the first timer and after each. */
  async advanceAndSettle(durationMs: number): Promise<void> {
    assert(durationMs >= 0, "time never goes back");
    const endMs = this.#nowMs + durationMs;
    do await settle();
    while (this.#runNextUntil(endMs));
    this.#nowMs = endMs;
  }

  #runNextUntil(endMs: number): boolean {
    const timer = this.#next();
    if (timer === undefined || timer.dueMs > endMs) return false;
    this.#timers.delete(timer);
    this.#nowMs = timer.dueMs;
    timer.run();
    return true;
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (first === undefined || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order)) first = timer;
    }
    return first;
  }
}

/** Resolves when every promise reaction that is ready, and those which they make ready, have run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
