import { BigMapError } from "../base/errors.js";

/** For an operation that was refused, and so certainly not done, because an earlier one failed. */
export function refusedAfter(failure: BigMapError): BigMapError {
  return new BigMapError("STORAGE_FAILED", `Refused, because an earlier write failed: ${failure.message}`, {
    cause: failure,
    retry: "permanent",
  });
}

export function storageClosed(): BigMapError {
  return new BigMapError("CLOSED", "The storage engine is closed");
}
