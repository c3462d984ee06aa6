import type { Clock } from "../base/clock.js";

// Deadlines are monotonic times of this process; Infinity: never. Timeouts are what travels.

/** What is left until the deadline, at least 0. */
export function remainingMs(clock: Clock, deadlineMs: number): number {
  return Math.max(0, deadlineMs - clock.monotonicMs());
}

/** The deadline in gRPC's terms: a date, or Infinity. */
export function toWallDeadline(clock: Clock, deadlineMs: number): Date | number {
  return deadlineMs === Infinity ? Infinity : new Date(clock.wallMs() + remainingMs(clock, deadlineMs));
}

export function fromWallDeadline(clock: Clock, deadline: Date | number): number {
  const wallMs = typeof deadline === "number" ? deadline : deadline.getTime();
  return wallMs === Infinity ? Infinity : clock.monotonicMs() + wallMs - clock.wallMs();
}
