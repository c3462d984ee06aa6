import { performance } from "node:perf_hooks";

/** Which part of the time since the last call the event loop was busy or waited for a processor, between 0 and 1. */
export type BusyShare = () => number;

/** Of the loop of this thread. */
export function loopBusyShare(): BusyShare {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
