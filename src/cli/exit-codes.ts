import { errorTable, type BigMapError, type ErrorCode } from "../base/errors.js";

/** What the process answers to the shell. Stable: scripts decide by these. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  conditionFailed: 4,
  transient: 5,
  outcomeUnknown: 6,
  /** As shells do: 128 and the signal. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The lines of `bigmap --help` that document the exit codes. */
export const exitCodeHelp: readonly (readonly [ExitCode, string])[] = [
  [exitCodes.ok, "done"],
  [exitCodes.failure, "failed; the same command will fail again"],
  [exitCodes.usage, "the command line or an argument is wrong"],
  [exitCodes.notFound, "no such entry, map or canister"],
  [exitCodes.conditionFailed, "--if-absent or --if-version did not hold, or the map is there already"],
  [exitCodes.transient, "nothing was done, the same command may succeed later (server down, overloaded, too late)"],
  [exitCodes.outcomeUnknown, "the update may or may not have been applied: read before deciding"],
  [exitCodes.interrupted, "interrupted by Ctrl-C"],
];

const special: Partial<Record<ErrorCode, ExitCode>> = {
  MAP_NOT_FOUND: exitCodes.notFound,
  CANISTER_NOT_FOUND: exitCodes.notFound,
  CONDITION_FAILED: exitCodes.conditionFailed,
  MAP_EXISTS: exitCodes.conditionFailed,
};

/** The exit code for an error: by its code where one is special, else by its retry advice and gRPC status. */
export function exitCodeOf(error: BigMapError): ExitCode {
  const code = special[error.code];
  if (code !== undefined) return code;
  if (error.retry === "outcome unknown") return exitCodes.outcomeUnknown;
  if (error.retry === "transient") return exitCodes.transient;
  return errorTable[error.code].grpcStatus === "INVALID_ARGUMENT" ? exitCodes.usage : exitCodes.failure;
}
