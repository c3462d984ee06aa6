/** What a caller may do after an error. */
export type RetryAdvice = "permanent" | "transient" | "outcome unknown";

/** Names of the gRPC status codes that errors map to. */
export type GrpcStatusName =
  | "CANCELLED"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNKNOWN";

interface ErrorRow {
  readonly grpcStatus: GrpcStatusName;
  readonly retry: RetryAdvice;
  /** What the reader should do about it. */
  readonly hint: string;
}

/** Every error of the project, one row each. The code is stable and travels in the gRPC error detail. */
export const errorTable = {
  INVALID_ARGUMENT: row("INVALID_ARGUMENT", "permanent", "Correct the argument that the message names."),
  KEY_EMPTY: row("INVALID_ARGUMENT", "permanent", "A key has at least one byte."),
  KEY_TOO_LARGE: row("INVALID_ARGUMENT", "permanent", "A key has at most 4 KiB; hash longer names or store them in the value."),
  VALUE_TOO_LARGE: row("INVALID_ARGUMENT", "permanent", "A value has at most 1 MiB; cut larger ones into several entries."),
  BATCH_TOO_LARGE: row("INVALID_ARGUMENT", "permanent", "Send the batch in smaller parts."),
  RESULT_TOO_LARGE: row("RESOURCE_EXHAUSTED", "permanent", "Ask for fewer keys at once."),
  MAP_NAME_INVALID: row(
    "INVALID_ARGUMENT",
    "permanent",
    "A map's name has 1 to 255 characters of A-Z a-z 0-9 . _ - and begins with a letter or digit.",
  ),
  MAP_NOT_FOUND: row("NOT_FOUND", "permanent", "Check the name (bigmap maps lists them); a map comes into being with its first put."),
  MAP_EXISTS: row("ALREADY_EXISTS", "permanent", "Use the map that is there, or drop it first."),
  CURSOR_INVALID: row("INVALID_ARGUMENT", "permanent", "Start the scan again without a cursor."),
  CONDITION_FAILED: row("FAILED_PRECONDITION", "permanent", "Read the entry again and decide anew."),
  BATCH_ABORTED: row("ABORTED", "permanent", "Look at the other results: an update of the same canister failed."),
  CANISTER_FULL: row(
    "RESOURCE_EXHAUSTED",
    "permanent",
    "Delete entries, or move them to a map with a larger cap: all its bytes sit where no split can help.",
  ),
  CANISTER_NOT_FOUND: row("NOT_FOUND", "permanent", "Ask the router for the topology (bigmap ring)."),
  CANISTER_STOPPED: row("UNAVAILABLE", "transient", "Start the canister again (ReplicaService.StartCanister)."),
  CANISTER_BUSY: row("ABORTED", "transient", "Another change of this canister is running; try again when it has ended."),
  CANISTER_IN_USE: row("FAILED_PRECONDITION", "permanent", "Drop the map instead: a ring still names this canister."),
  CANISTER_UNSPLITTABLE: row("FAILED_PRECONDITION", "permanent", "All its bytes sit on one token, or it holds fewer than two entries."),
  NOT_OWNER: row("FAILED_PRECONDITION", "transient", "Send the operation to the owner that the detail names."),
  OVERLOADED: row("RESOURCE_EXHAUSTED", "transient", "Wait and send less at once."),
  DEADLINE_EXCEEDED: row("DEADLINE_EXCEEDED", "transient", "Nothing was done in time; try again or allow more time."),
  CANCELLED: row("CANCELLED", "permanent", "The caller gave up before anything was done."),
  OUTCOME_UNKNOWN: row("UNKNOWN", "outcome unknown", "The update may or may not have been applied: read the entry before deciding."),
  UNAVAILABLE: row("UNAVAILABLE", "transient", "Check that the replica runs and that the endpoint is right."),
  SHUTTING_DOWN: row("UNAVAILABLE", "transient", "The replica stops; try again when it is back."),
  CLOSED: row("FAILED_PRECONDITION", "permanent", "This client or map was closed; open a new one."),
  CODEC_FAILED: row("INVALID_ARGUMENT", "permanent", "The codec could not turn the value into bytes or back."),
  FRAME_INVALID: row("INVALID_ARGUMENT", "permanent", "The message does not follow bigmap.v1; check the client that sent it."),
  DISK_FULL: row(
    "RESOURCE_EXHAUSTED",
    "transient",
    "Free disk space under the data folder; reads go on. Room of deleted entries is free after a restart at the latest.",
  ),
  STORAGE_FAILED: row("INTERNAL", "outcome unknown", "See the replica's log, mend the disk and restart the replica."),
  STORAGE_CORRUPT: row("DATA_LOSS", "permanent", "A stored record is damaged: restore the data folder from a backup."),
  DATA_DIR_IN_USE: row("FAILED_PRECONDITION", "permanent", "Stop the other process or choose another data folder (--data)."),
  DATA_DIR_UNUSABLE: row("FAILED_PRECONDITION", "permanent", "Check that the data folder is a folder which this user may read and write."),
  DATA_DIR_NEWER: row(
    "FAILED_PRECONDITION",
    "permanent",
    "A newer version of BigMap wrote this folder; start that version or a newer one.",
  ),
  LISTEN_FAILED: row("FAILED_PRECONDITION", "permanent", "Choose another address (--listen) or stop the process that holds the port."),
  UNIMPLEMENTED: row("UNIMPLEMENTED", "permanent", "This server does not know the call; compare the versions of client and server."),
  INTERNAL: row("INTERNAL", "permanent", "This is a defect in BigMap; please report it with the replica's log."),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

export interface BigMapErrorDetails {
  /** With CONDITION_FAILED: the entry's version now, 0 where there is none. */
  readonly currentVersion?: number;
  /** With NOT_OWNER: HOST:PORT of the owner. */
  readonly ownerAddress?: string;
  readonly cause?: unknown;
  /** Replaces the table's hint, where the place knows better. */
  readonly hint?: string;
  /** Replaces the table's advice: the same failure may come before or after an update was sent. */
  readonly retry?: RetryAdvice;
}

/**
 * The one error class. Programs decide by `code` and `retry`, people read `message` and `hint`.
 */
export class BigMapError extends Error {
  override readonly name = "BigMapError";
  readonly code: ErrorCode;
  readonly retry: RetryAdvice;
  readonly hint: string;
  readonly currentVersion: number | undefined;
  readonly ownerAddress: string | undefined;

  constructor(code: ErrorCode, message: string, details: BigMapErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retry = details.retry ?? errorTable[code].retry;
    this.hint = details.hint ?? errorTable[code].hint;
    this.currentVersion = details.currentVersion;
    this.ownerAddress = details.ownerAddress;
  }

  /** The error itself if it is one of ours, else INTERNAL with the original as its cause. */
  static from(error: unknown): BigMapError {
    if (error instanceof BigMapError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new BigMapError("INTERNAL", message, { cause: error });
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

/** States what must be true; its failure is a defect of ours, never of the caller. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new BigMapError("INTERNAL", `Assertion failed: ${message}`);
}

function row(grpcStatus: GrpcStatusName, retry: RetryAdvice, hint: string): ErrorRow {
  return { grpcStatus, retry, hint };
}
