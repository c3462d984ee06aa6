import { setMaxListeners } from "node:events";
import { BigMapError } from "../base/errors.js";

export interface CallOptions {
  /** Instead of the client's timeout. */
  readonly timeoutMs?: number;
  /** Gives up: CANCELLED, or OUTCOME_UNKNOWN for an update that was sent already. */
  readonly signal?: AbortSignal;
}

/** One signal may stand for any number of operations under way. Errors: INVALID_ARGUMENT. */
export function assertSignal(signal: AbortSignal): void {
  if (!(signal instanceof AbortSignal)) throw new BigMapError("INVALID_ARGUMENT", "The signal is not an AbortSignal");
  setMaxListeners(0, signal);
}

/** Errors: INVALID_ARGUMENT. */
export function checkedTimeoutMs(timeoutMs: number): number {
  if (typeof timeoutMs === "number" && timeoutMs > 0) return timeoutMs;
  throw new BigMapError("INVALID_ARGUMENT", `A timeout is a number of milliseconds above 0, not ${JSON.stringify(timeoutMs)}`);
}
