import type { CancelTimer, Clock } from "../base/clock.js";

/** One timer for many deadlines: it is set for the earliest of them, and whoever owns it looks at all when it fires. */
export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #cancel: CancelTimer | undefined;
  #atMs = Infinity;

  /** `onDue` calls `setBy` again for the deadlines that remain. */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** The timer fires at this deadline at the latest. */
  setBy(deadlineMs: number): void {
    if (deadlineMs >= this.#atMs) return;
    this.#cancel?.();
    this.#atMs = deadlineMs;
    const delayMs = Math.max(1, deadlineMs - this.#clock.monotonicMs());
    this.#cancel = this.#clock.setTimer(delayMs, () => {
      this.#cancel = undefined;
      this.#atMs = Infinity;
      this.#onDue();
    });
  }
}
