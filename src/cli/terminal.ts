import type { Readable, Writable } from "node:stream";
import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";

/** A stream that may be a terminal. */
export type TerminalStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

/** What a verb may touch of the outside world. Tests hand in their own. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /**
   * Aborted when the user presses Ctrl-C, and when stdout failed: its reason is then an OutputClosed, or the BigMapError that says why
   * nothing more can be written.
   */
  readonly signal: AbortSignal;
}

/** The reader of our output went away (`bigmap scan users | head`): the end of the work, and no error. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/**
 * Writes and waits until the stream wants more, so that a slow reader slows us down instead of filling our memory.
 * Errors: OutputClosed when the other end was closed; those of `outputError`.
 */
export function write(stream: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.errored !== null) {
      reject(outputError(stream.errored));
      return;
    }
    if (stream.destroyed || stream.writableEnded) {
      reject(new OutputClosed());
      return;
    }
    stream.write(chunk, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(outputError(error));
    });
  });
}

export function writeLine(stream: Writable, line: string): Promise<void> {
  return write(stream, `${line}\n`);
}

/** Waits until all that was written has left the stream, also what nobody waited for. Errors: as `write`. */
export function flush(stream: Writable): Promise<void> {
  return write(stream, "");
}

/** Everything that the stream has to give; at most `maxBytes`. Errors: VALUE_TOO_LARGE. */
export async function readAll(stream: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const part = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    bytes += part.length;
    if (bytes > maxBytes) throw new BigMapError("VALUE_TOO_LARGE", `The input has more than ${maxBytes} bytes`);
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

/** Why the file `name` cannot be read. */
export function inputError(error: Error, name: string): BigMapError {
  return new BigMapError("INVALID_ARGUMENT", `Cannot read ${name}: ${error.message}`, {
    cause: error,
    hint: "Check its name, and that this user may read it.",
  });
}

/** Colors are for terminals only, and never with NO_COLOR (https://no-color.org). */
export function wantsColor(terminal: Terminal): boolean {
  return terminal.stdout.isTTY === true && (terminal.env["NO_COLOR"] ?? "") === "" && terminal.env["TERM"] !== "dumb";
}

/** Codes of an output whose reader went away; a socket that held bytes which it had not read is reset. */
const closedCodes: readonly string[] = ["EPIPE", "ECONNRESET", "ERR_STREAM_DESTROYED", "ERR_STREAM_WRITE_AFTER_END"];
const fullCodes: readonly string[] = ["ENOSPC", "EDQUOT"];

/** What an error of an output means: OutputClosed; DISK_FULL; INTERNAL. `what` is the output's name. */
export function outputError(error: Error, what = "the output"): Error {
  if (error instanceof BigMapError || error instanceof OutputClosed) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (closedCodes.includes(code)) return new OutputClosed();
  const message = `Cannot write ${what}: ${error.message}`;
  if (!fullCodes.includes(code)) {
    return new BigMapError("INTERNAL", message, { cause: error, hint: "Check that there is room and permission where the output goes." });
  }
  // Unlike a server's full disk this one is the caller's to mend, and until then the command fails again.
  return new BigMapError("DISK_FULL", message, {
    cause: error,
    hint: "Make room where the output goes, or write it elsewhere.",
    retry: "permanent",
  });
}
