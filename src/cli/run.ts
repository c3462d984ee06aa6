import { reportError } from "./error-report.js";
import { program } from "./program.js";
import type { Terminal } from "./terminal.js";
import { VerbContext, type Connect } from "./verb-context.js";

/** Runs one command line (without `node` and the script) and resolves to the exit code. Never rejects. */
export async function run(args: readonly string[], terminal: Terminal, connect: Connect, version: string): Promise<number> {
  const context = new VerbContext(terminal, connect);
  // The timers of a Clock do not keep a process alive, and between two attempts to connect nothing else does.
  const alive = setInterval(() => undefined, 60_000);
  try {
    await program(context, version).parseAsync([...args], { from: "user" });
    return context.exitCode;
  } catch (error) {
    return reportError(error, terminal, wantsJson(args));
  } finally {
    clearInterval(alive);
  }
}

/** Asked before, and even without, a command line that parses. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).includes("--json");
}
