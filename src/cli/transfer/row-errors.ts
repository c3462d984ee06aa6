/** What rows of all formats are refused with. */
import { BigMapError } from "../../base/errors.js";
import { limits } from "../../base/limits.js";

/** A longer row cannot be an entry: JSON writes a byte with at most 6 characters, and both limits are in bytes. */
export const rowMaxBytes = 8 * (limits.keyMaxBytes + limits.valueMaxBytes);

/** Stored as text such bytes would be U+FFFD, and different keys the same. */
export function notUtf8(what: string): BigMapError {
  return new BigMapError("INVALID_ARGUMENT", `${what} is not UTF-8`, {
    hint: "Write the file in UTF-8, or pass over such rows with --skip-bad; `bigmap export` writes other bytes as base64.",
  });
}

export function atLine(lineNumber: number, error: BigMapError): BigMapError {
  return new BigMapError(error.code, `Line ${lineNumber}: ${error.message}`, { cause: error, hint: error.hint, retry: error.retry });
}
