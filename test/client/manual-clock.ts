import type { CancelTimer, Clock } from "../../src/base/clock.js";

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** Time that passes when a test says so. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>();
  #nowMs = 1_000;

  get pendingTimers(): number {
    return this.#timers.size;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, run: () => void): CancelTimer {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Lets time pass and runs the timers that fall due, in their order. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((left, right) => left.atMs - right.atMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = endMs;
  }
}
