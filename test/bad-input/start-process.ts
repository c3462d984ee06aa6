import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";
import { mainScript } from "./roads.js";

const overrides = "-dac_override,-dac_read_search";
const withoutOverride = ["--bounding-set", overrides, "--inh-caps", overrides];

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

export interface StartProcessOptions {
  /** The modes of files and folders hold for the process even where it is root. */
  readonly obeysModes?: boolean;
}

/** Runs `bigmap start --json` with these words until it listens, or has ended. */
export async function startProcess(words: readonly string[], { obeysModes = false }: StartProcessOptions = {}): Promise<StartedProcess> {
  const all = [mainScript, "start", "--json", "--listen", "127.0.0.1:0", "--memory", "64MiB", "--log-level", "silent", ...words];
  // setpriv is part of util-linux, which every Debian has.
  const wrapper = obeysModes && process.getuid?.() === 0 ? ["setpriv", ...withoutOverride, "--"] : [];
  const [program, ...programWords] = [...wrapper, process.execPath, ...all] as [string, ...string[]];
  const child = spawn(program, programWords, { stdio: ["ignore", "pipe", "pipe"] });
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const ended = endOf(child).finally(() => process.off("exit", killWithUs));
  return { address: await addressOf(child, ended), ended, kill: (signal) => void child.kill(signal) };
}

/** Of a process that is not expected to come up. */
export async function endOfStart(words: readonly string[], options?: StartProcessOptions): Promise<ProcessEnd> {
  const started = await startProcess(words, options);
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
