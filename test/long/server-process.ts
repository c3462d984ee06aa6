import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BigMapError } from "../../src/base/errors.js";

const program = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const startTimeoutMs = 60_000;

export interface ServerOptions {
  readonly dataDir: string;
  readonly canisterCap: string;
  readonly memory: string;
  /** A fault point at which the process is to end itself: see src/server/crash-at.ts. */
  readonly crashAt?: string;
}

export interface ServerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A real server in a process of its own. */
export class ServerProcess {
  /** HOST:PORT. */
  readonly address: string;
  readonly pid: number;
  /** Resolves when the process is gone, however that came. */
  readonly ended: Promise<ServerEnd>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, address: string, ended: Promise<ServerEnd>) {
    this.#child = child;
    this.address = address;
    this.pid = child.pid ?? 0;
    this.ended = ended;
  }

  /** Resolves when the server answers; undefined where it ended before (only with `crashAt`). Errors: UNAVAILABLE. */
  static async start(options: ServerOptions): Promise<ServerProcess | undefined> {
    const words = ["start", "--json", "--data", options.dataDir, "--listen", "127.0.0.1:0", "--log-level", "warn"];
    const { BIGMAP_CRASH_AT: _, ...environment } = process.env;
    const env = options.crashAt === undefined ? environment : { ...environment, BIGMAP_CRASH_AT: options.crashAt };
    const sizes = ["--canister-cap", options.canisterCap, "--memory", options.memory];
    const child = spawn(process.execPath, [program, ...words, ...sizes], { stdio: ["ignore", "pipe", "pipe"], env });
    const ended = new Promise<ServerEnd>((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
    leaveNoChild(child);
    const output = new StartOutput(child);
    const address = await output.address(ended);
    if (address !== undefined) return new ServerProcess(child, address, ended);
    child.kill("SIGKILL");
    const { signal } = await ended;
    if (options.crashAt !== undefined && signal === "SIGKILL" && !output.timedOut) return undefined;
    throw new BigMapError("UNAVAILABLE", `The server did not start: ${output.text()}`);
  }

  /** kill -9. */
  async kill(): Promise<ServerEnd> {
    this.#child.kill("SIGKILL");
    return this.ended;
  }

  /** SIGTERM: the ordered way. */
  async stop(): Promise<ServerEnd> {
    this.#child.kill("SIGTERM");
    return this.ended;
  }

  /** Resident memory now and at its highest, in bytes; undefined where the system does not tell. */
  memory(): { readonly residentBytes: number; readonly highestBytes: number } | undefined {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
      const kib = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? NaN);
      return { residentBytes: kib("VmRSS") * 1024, highestBytes: kib("VmHWM") * 1024 };
    } catch {
      return undefined;
    }
  }
}

/** Collects what a starting server prints, until it names its address. */
class StartOutput {
  timedOut = false;
  readonly #child: ChildProcess;
  #text = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      // Only the beginning and the end are of use; a server under test may print for hours.
      stream?.on("data", (part: string) => (this.#text = (this.#text + part).slice(-16_384)));
    }
  }

  text(): string {
    return this.#text;
  }

  async address(ended: Promise<unknown>): Promise<string | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.timedOut = true;
        resolve(undefined);
      }, startTimeoutMs);
      const look = (): void => {
        const address = /"address":\s*"([^"]+)"/.exec(this.#text)?.[1];
        if (address !== undefined) settle(address);
      };
      const settle = (address: string | undefined): void => {
        clearTimeout(timer);
        this.#child.stdout?.off("data", look);
        resolve(address);
      };
      this.#child.stdout?.on("data", look);
      void ended.then(() => settle(undefined));
    });
  }
}

const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach((each) => each.kill("SIGKILL")));

function leaveNoChild(child: ChildProcess): void {
  running.add(child);
  child.once("exit", () => running.delete(child));
}

/** Runs `work` with a new folder, which is removed afterwards, also when the work fails or the process is interrupted. */
export async function withTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "bigmap-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const interrupted = (): never => process.exit(130);
  process.once("exit", remove).once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    return await work(folder);
  } finally {
    process.off("exit", remove).off("SIGINT", interrupted).off("SIGTERM", interrupted);
    remove();
  }
}
