/** Cancels a timer. Calling it twice, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

/** The port for time. Everything that waits or measures takes a Clock, so that a simulator can hand in virtual time. */
export interface Clock {
  /** Milliseconds since 1970; may jump. For people and records only. */
  wallMs(): number;
  /** Milliseconds since some fixed point; never goes back. For deadlines and durations. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`, or after 24 days. A timer does not keep the process alive. */
  setTimer(delayMs: number, run: () => void): CancelTimer;
}

/** setTimeout takes 31 bits, and fires at once where it is given more: 24 days. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, Math.min(delayMs, longestTimerMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/**
 * Resolves after `delayMs`, or rejects with the signal's reason when it is aborted first.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
