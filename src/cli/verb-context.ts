import type { Command } from "commander";
import { BigMapError } from "../base/errors.js";
import type { BigMap } from "../client/bigmap.js";
import { exitCodes, type ExitCode } from "./exit-codes.js";
import { writeLine, type Terminal } from "./terminal.js";

/** Options that every verb takes. */
export interface GlobalOptions {
  readonly endpoint: string;
  readonly json: boolean;
  /** How long one operation may take. */
  readonly timeout: number;
}

/** Opens a client. Tests hand in one without a network. */
export type Connect = (options: ConnectTerms) => Promise<BigMap>;

export interface ConnectTerms {
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Operations give way to those of other clients. */
  readonly background: boolean;
}

/** What the verbs share: the terminal, the way to the server, and the answer to the shell. */
export class VerbContext {
  readonly terminal: Terminal;
  readonly #connect: Connect;
  exitCode: ExitCode = exitCodes.ok;

  constructor(terminal: Terminal, connect: Connect) {
    this.terminal = terminal;
    this.#connect = connect;
  }

  globals(command: Command): GlobalOptions {
    const options = command.optsWithGlobals<{ endpoint: string; json?: boolean; timeout: number }>();
    return { endpoint: options.endpoint, json: options.json === true, timeout: options.timeout };
  }

  /** Runs `work` with a client, which is closed afterwards. Ctrl-C ends it at once with CANCELLED. */
  async withClient<T>(command: Command, work: (bigmap: BigMap, globals: GlobalOptions) => Promise<T>): Promise<T> {
    return this.#withClient(command, (bigmap, globals) => Promise.race([work(bigmap, globals), this.#interrupted()]), {});
  }

  /** As `withClient`; but after Ctrl-C it is `work` that ends, in order, when it sees the signal. */
  async withClientInOrder<T>(
    command: Command,
    work: (bigmap: BigMap, globals: GlobalOptions) => Promise<T>,
    options: { readonly background?: boolean } = {},
  ): Promise<T> {
    return this.#withClient(command, work, { endsInOrder: true, ...options });
  }

  async #withClient<T>(
    command: Command,
    work: (bigmap: BigMap, globals: GlobalOptions) => Promise<T>,
    { endsInOrder = false, background = false }: { readonly endsInOrder?: boolean; readonly background?: boolean },
  ): Promise<T> {
    const globals = this.globals(command);
    const { endpoint, timeout: timeoutMs } = globals;
    const bigmap = await this.#connect({ endpoint, timeoutMs, signal: this.terminal.signal, background });
    try {
      return await work(bigmap, globals);
    } finally {
      const closed = bigmap.close();
      // It waits for what is under way, which nobody wants any more.
      if (endsInOrder || !this.terminal.signal.aborted) await closed;
    }
  }

  printJson(object: unknown): Promise<void> {
    return writeLine(this.terminal.stdout, JSON.stringify(object));
  }

  async printLines(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await writeLine(this.terminal.stdout, lines.join("\n"));
  }

  #interrupted(): Promise<never> {
    const { signal } = this.terminal;
    return new Promise((_, reject) => {
      const onAbort = (): void => reject(new BigMapError("CANCELLED", "Interrupted"));
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
