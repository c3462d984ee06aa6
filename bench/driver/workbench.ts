import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AddressInfo } from "node:net";

const startTimeoutMs = 60_000;
const stopTimeoutMs = 30_000;
const keptOutputChars = 16_384;

/** A server in a process of its own. */
export interface ServerProcess {
  readonly pid: number;
  /** What its output said when it was ready. */
  readonly ready: RegExpExecArray;
  /** Rejects when it ends without having been told to. */
  stop(): Promise<void>;
}

/**
 * A temporary folder and the servers that work in it. `close` ends the servers and removes the folder; so does an end of
 * this process, by Ctrl-C too.
 */
export class Workbench {
  readonly folder: string;
  readonly #children = new Set<ChildProcess>();
  readonly #cleanUp = (): void => {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  };
  #folders = 0;

  /** `parent`: a folder on the disk that is to be measured; by default the system's for temporary files. */
  constructor(parent = tmpdir()) {
    this.folder = mkdtempSync(join(parent, "bigmap-bench-"));
    process.once("exit", this.#cleanUp);
    for (const signal of interrupts) process.once(signal, interrupted);
  }

  /** The path of a new folder, which is not made yet. */
  newFolder(name: string): string {
    return join(this.folder, `${name}-${++this.#folders}`);
  }

  /** Starts a server and resolves when its output matches. Rejects with its output where it ends before, or says nothing for a minute. */
  async start(command: string, words: readonly string[], ready: RegExp, env: NodeJS.ProcessEnv = process.env): Promise<ServerProcess> {
    const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"], env, cwd: this.folder });
    this.#children.add(child);
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    void ended.then(() => this.#children.delete(child));
    const match = await outputOf(child, ready, command);
    const stop = async (): Promise<void> => {
      const force = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
      child.kill("SIGTERM");
      await ended;
      clearTimeout(force);
    };
    return { pid: child.pid ?? 0, ready: match, stop };
  }

  /** Starts a program of ours that is spoken to by messages. */
  fork(script: string, words: readonly string[]): ChildProcess {
    const child = fork(script, words, { cwd: this.folder });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  async close(): Promise<void> {
    process.off("exit", this.#cleanUp);
    const ends = [...this.#children].map((child) => once(child, "exit"));
    this.#cleanUp();
    await Promise.all(ends);
    // A server that was being killed may have written once more.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    for (const signal of interrupts) process.off(signal, interrupted);
  }
}

const interrupts = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function interrupted(): never {
  process.exit(130);
}

/** A port of this machine that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function outputOf(child: ChildProcess, ready: RegExp, command: string): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = "";
    let settled = false;
    const settle = (act: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      act();
    };
    const fail = (why: string): void =>
      settle(() => {
        child.kill("SIGKILL");
        reject(new Error(`${command} ${why}. ${text.trim()}`));
      });
    const timer = setTimeout(() => fail("did not start in time"), startTimeoutMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      // Read to the end of its life, so that the server never waits for room in the pipe.
      stream?.on("data", (part: string) => {
        if (settled) return;
        text = (text + part).slice(-keptOutputChars);
        const match = ready.exec(text);
        if (match !== null) settle(() => resolve(match));
      });
    }
    child.once("error", (error) => fail(`could not be started: ${error.message}`));
    child.once("exit", (code) => fail(`ended (${code}) before it was ready`));
  });
}
