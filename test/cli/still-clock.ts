import type { Clock } from "../../src/base/clock.js";

/** Time that stands still: for code that only measures. */
export const stillClock: Clock = {
  wallMs: () => 0,
  monotonicMs: () => 0,
  setTimer: () => () => undefined,
};
