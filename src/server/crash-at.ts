import { BigMapError } from "../base/errors.js";
import { faultPointNames, noFaults, type FaultPointName, type FaultPoints } from "../base/fault-points.js";

/** Name of the environment variable in which a test asks the process to end itself, for example "split.frozen:2". */
export const crashAtVariable = "BIGMAP_CRASH_AT";

export interface CrashPlace {
  readonly point: FaultPointName;
  /** At the n-th time that the point is reached, from 1. */
  readonly times: number;
}

/** Parses "split.frozen:2"; without a number it is the first time. Errors: INVALID_ARGUMENT. */
export function parseCrashPlace(text: string): CrashPlace {
  const match = /^([a-z.-]+)(?::([1-9]\d*))?$/.exec(text);
  const point = faultPointNames.find((name) => name === match?.[1]);
  if (match === null || point === undefined) {
    throw new BigMapError("INVALID_ARGUMENT", `"${text}" names no fault point`, {
      hint: `Write NAME or NAME:TIMES, where NAME is one of ${faultPointNames.join(", ")}.`,
    });
  }
  return { point, times: Number(match[2] ?? 1) };
}

/** Calls `crash` when the place is reached; every other point does nothing. */
export function crashPoint(place: CrashPlace, crash: () => void): FaultPoints {
  let reached = 0;
  return {
    reach(point) {
      if (point === place.point && ++reached === place.times) crash();
    },
  };
}

/**
 * Fault points for a server process: with a place, the process ends itself there with SIGKILL, which nothing can catch or
 * delay; with undefined or "", nothing ever happens. Errors: INVALID_ARGUMENT.
 */
export function crashAt(text: string | undefined): FaultPoints {
  if (text === undefined || text === "") return noFaults;
  return crashPoint(parseCrashPlace(text), () => process.kill(process.pid, "SIGKILL"));
}
