import { CommanderError } from "commander";
import { BigMapError } from "../base/errors.js";
import { exitCodeOf, exitCodes, type ExitCode } from "./exit-codes.js";
import { OutputClosed, type Terminal } from "./terminal.js";

/** Tells the user what went wrong, on stderr, and returns the exit code. */
export function reportError(error: unknown, terminal: Terminal, json: boolean): number {
  const stopped: unknown = terminal.signal.reason;
  if (error instanceof OutputClosed || stopped instanceof OutputClosed) return exitCodes.ok;
  if (stopped instanceof BigMapError) return reportFailure(stopped, terminal, json);
  if (error instanceof CommanderError) return reportUsage(error, terminal, json);
  if (terminal.signal.aborted) {
    print(terminal, json, { code: "CANCELLED", message: "Interrupted", hint: "" });
    return exitCodes.interrupted;
  }
  return reportFailure(BigMapError.from(error), terminal, json);
}

function reportFailure(failure: BigMapError, terminal: Terminal, json: boolean): ExitCode {
  print(terminal, json, { code: failure.code, message: failure.message, hint: failure.hint, retry: failure.retry, ...versionOf(failure) });
  return exitCodeOf(failure);
}

interface ErrorText {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly retry?: string;
  readonly currentVersion?: number;
}

function reportUsage(error: CommanderError, terminal: Terminal, json: boolean): ExitCode {
  // commander has already written the help where that is the whole message.
  if (error.code === "commander.help") return exitCodes.usage;
  const message = error.message.replace(/^error: /, "");
  print(terminal, json, { code: "USAGE", message, hint: "Add --help to the command to see how it is used." });
  return exitCodes.usage;
}

function print(terminal: Terminal, json: boolean, error: ErrorText): void {
  const text = json ? JSON.stringify({ error }) : `${error.code}: ${error.message}${error.hint === "" ? "" : `\n  ${error.hint}`}`;
  terminal.stderr.write(`${text}\n`);
}

function versionOf(error: BigMapError): { currentVersion?: number } {
  return error.currentVersion === undefined ? {} : { currentVersion: error.currentVersion };
}
