import { formatSizeBytes } from "./bytes.js";
import { BigMapError, type BigMapErrorDetails } from "./errors.js";

/**
 * Checks a number of bytes, and says in units what is wrong with it. The value may come from a caller without types. `mostText`: what the
 * most is, given its size as text. Errors: INVALID_ARGUMENT.
 */
export function assertSize(
  name: string,
  bytes: number,
  least: number,
  most: number,
  mostText: (size: string) => string = (size) => size,
  details: BigMapErrorDetails = {},
): void {
  if (Number.isSafeInteger(bytes) && bytes >= least && bytes <= most) return;
  // What is rounded would seem to be within its bounds.
  const isClose = typeof bytes === "number" && [least, most].some((bound) => Math.abs(bytes - bound) < bound / 100);
  const sizeOf = (size: number): string => (isClose ? `${size} B` : formatSizeBytes(size));
  const range = `between ${sizeOf(least)} and ${mostText(sizeOf(most))}`;
  let problem = `${name} of ${typeof bytes === "string" ? JSON.stringify(bytes) : String(bytes)} is not a whole number of bytes ${range}`;
  if (typeof bytes === "number" && bytes > Number.MAX_SAFE_INTEGER) problem = `${name} of more than 8 PiB is not ${range}`;
  else if (Number.isInteger(bytes)) problem = `${name} of ${sizeOf(bytes)} is not ${range}`;
  throw new BigMapError("INVALID_ARGUMENT", problem, details);
}
