import { BigMapError } from "../base/errors.js";

const openFilesHint =
  "Raise the limit of open files (ulimit -n, LimitNOFILE= of a systemd service) and restart the replica; the disk is well.";

/** What is left of an error when it crosses from a worker thread. */
export interface RocksFailure {
  readonly code: string;
  readonly message: string;
}

/** Of an error of the binding; the one of `open` carries RocksDB's own as its cause. */
export function describeRocksError(error: unknown): RocksFailure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return { code, message: cause instanceof Error ? cause.message : String(cause) };
}

/** As `toStorageError`; but while a store opens nothing is in doubt, so wherever the disk is full it is DISK_FULL. */
export function toOpenError(failure: RocksFailure): BigMapError {
  const { message } = failure;
  return /No space left on device|Disk quota exceeded/.test(message) ? new BigMapError("DISK_FULL", message) : toStorageError(failure);
}

/**
 * The binding gives RocksDB's status only as text, so text is read here and nowhere else. A full disk is DISK_FULL only
 * where the log could not be extended: RocksDB then drops the whole batch, and drops it again when it next opens. A
 * full disk noticed by fsync leaves the batch in the log, maybe: that is STORAGE_FAILED.
 */
export function toStorageError({ code, message }: RocksFailure): BigMapError {
  if (code === "LEVEL_CORRUPTION" || message.startsWith("Corruption:")) return new BigMapError("STORAGE_CORRUPT", message);
  if (code === "LEVEL_LOCKED") return new BigMapError("DATA_DIR_IN_USE", message);
  if (/No space left on device: While (appending|open)|Disk quota exceeded: While (appending|open)/.test(message)) {
    return new BigMapError("DISK_FULL", message);
  }
  return new BigMapError("STORAGE_FAILED", message, /Too many open files/.test(message) ? { hint: openFilesHint } : {});
}
