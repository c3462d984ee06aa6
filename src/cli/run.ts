import { CommanderError, type Command } from "commander";
import { BigMapError } from "../base/errors.js";
import { reportError } from "./error-report.js";
import { program } from "./program.js";
import { flush, OutputClosed, type Terminal } from "./terminal.js";
import { VerbContext, type Connect } from "./verb-context.js";

/** Runs one command line (without `node` and the script) and resolves to the exit code. Never rejects. */
export async function run(args: readonly string[], terminal: Terminal, connect: Connect, version: string): Promise<number> {
  const context = new VerbContext(terminal, connect);
  // The timers of a Clock do not keep a process alive, and between two attempts to connect nothing else does.
  const alive = setInterval(() => undefined, 60_000);
  try {
    await parsed(program(context, version), args);
    await outputTaken(terminal);
    return context.exitCode;
  } catch (error) {
    return reportError(error, terminal, wantsJson(args));
  } finally {
    clearInterval(alive);
  }
}

/** Carries out the command line. A help or a version that was asked for is done, though commander throws it. */
async function parsed(command: Command, args: readonly string[]): Promise<void> {
  try {
    await command.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
  }
}

/** Nothing is done before its result has left us: the last bytes are often written when nobody waits for them any more. */
async function outputTaken({ stdout, signal }: Terminal): Promise<void> {
  await flush(stdout).catch((error: unknown) => {
    if (!(error instanceof OutputClosed)) throw error;
  });
  if (signal.reason instanceof BigMapError) throw signal.reason;
}

/** Asked before, and even without, a command line that parses. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).includes("--json");
}
