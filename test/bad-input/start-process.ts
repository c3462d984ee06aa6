import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";
import { mainScript } from "./roads.js";

export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

export interface StartedProcess {
  /** HOST:PORT; undefined where the process ended before it listened. */
  readonly address: string | undefined;
  readonly ended: Promise<ProcessEnd>;
  kill(signal: NodeJS.Signals): void;
}

/** Runs `bigmap start --json` with these words until it listens, or has ended. With another user's id only root may. */
export async function startProcess(words: readonly string[], uid?: number): Promise<StartedProcess> {
  const all = [mainScript, "start", "--json", "--listen", "127.0.0.1:0", "--memory", "64MiB", "--log-level", "silent", ...words];
  const child = spawn(process.execPath, all, { stdio: ["ignore", "pipe", "pipe"], ...(uid === undefined ? {} : { uid, gid: uid }) });
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const ended = endOf(child).finally(() => process.off("exit", killWithUs));
  return { address: await addressOf(child, ended), ended, kill: (signal) => void child.kill(signal) };
}

/** Of a process that is not expected to come up. */
export async function endOfStart(words: readonly string[], uid?: number): Promise<ProcessEnd> {
  const started = await startProcess(words, uid);
  if (started.address !== undefined) started.kill("SIGKILL");
  return started.ended;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

function endOf(child: Child): Promise<ProcessEnd> {
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => (stderr += part));
  return new Promise((resolve) => child.once("close", (exitCode, signal) => resolve({ exitCode, signal, stderr })));
}

function addressOf(child: Child, ended: Promise<unknown>): Promise<string | undefined> {
  let printed = "";
  return new Promise((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      printed += part;
      const address = /"address":"([^"]+)"/.exec(printed)?.[1];
      if (address !== undefined) resolve(address);
    });
    void ended.then(() => resolve(undefined));
  });
}
