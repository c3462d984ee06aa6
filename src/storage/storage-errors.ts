import { BigMapError, errorTable } from "../base/errors.js";

/** For an operation that was refused, and so certainly not done, because an earlier one failed. */
export function refusedAfter(failure: BigMapError): BigMapError {
  return new BigMapError("STORAGE_FAILED", `Refused, because an earlier write failed: ${failure.message}`, {
    cause: failure,
    retry: "permanent",
    hint: failure.hint,
  });
}

/** What helps after a write that failed: the failure may know better than that the disk is in need. */
export function restartHint(failure: BigMapError): string {
  const { code, hint } = failure;
  if (hint !== errorTable[code].hint) return hint;
  return "Mend the disk, or make room on it, and restart the replica; reads go on meanwhile.";
}

export function storageClosed(): BigMapError {
  return new BigMapError("CLOSED", "The storage engine is closed");
}
