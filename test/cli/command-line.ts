import { Readable, Writable } from "node:stream";
import { systemClock } from "../../src/base/clock.js";
import { run } from "../../src/cli/run.js";
import type { Terminal } from "../../src/cli/terminal.js";
import type { Connect } from "../../src/cli/verb-context.js";
import { BigMap } from "../../src/client/bigmap.js";
import { MemoryConnection } from "../map-api/memory-connection.js";

/** What one command answered. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

/** Runs command lines in this process, against an installation in memory. */
export class CommandLine {
  readonly connection = new MemoryConnection({ canisterCapBytes: 4 * 2 ** 20, initialCanisters: 4 });
  /** Whether the last client was to give way to others. */
  background: boolean | undefined;

  /** `stdin` is what the command can read there; `stdout` may be one that does not take all. */
  async run(
    args: readonly string[],
    stdin: string | Uint8Array = "",
    signal: AbortSignal = new AbortController().signal,
    stdout = new Collected(),
  ): Promise<CommandResult> {
    const stderr = new Collected();
    const terminal: Terminal = { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr, env: {}, clock: systemClock, signal };
    const connect: Connect = async ({ timeoutMs, background }) => {
      this.background = background;
      return new BigMap(this.connection, { timeoutMs });
    };
    const exitCode = await run(args, terminal, connect, "1.2.3");
    return { exitCode, stdout: stdout.bytes.toString(), stdoutBytes: stdout.bytes, stderr: stderr.bytes.toString() };
  }
}

/** Keeps what is written to it. */
export class Collected extends Writable {
  readonly #chunks: Buffer[] = [];

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error) => void): void {
    this.#chunks.push(Buffer.from(chunk));
    callback();
  }
}
