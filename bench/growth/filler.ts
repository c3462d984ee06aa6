import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Measurement } from "../driver/results.js";
import type { Workbench } from "../driver/workbench.js";
import type { FillAnswer, FillRequest, FillSettings } from "./fill-host.js";

const program = fileURLToPath(new URL("./fill-host.js", import.meta.url));

/** A client in a process of its own that writes new entries while somebody else measures. */
export class Filler {
  readonly #child: ChildProcess;
  #entries = 0;
  #elapsedMs = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(bench: Workbench, settings: FillSettings): Promise<Filler> {
    const filler = new Filler(bench.fork(program, [JSON.stringify(settings)]));
    await filler.#answer();
    return filler;
  }

  /** Entries that were written so far. */
  get entries(): number {
    return this.#entries;
  }

  /** While it filled. */
  get entriesPerSecond(): number {
    return this.#elapsedMs === 0 ? 0 : (this.#entries * 1000) / this.#elapsedMs;
  }

  /** Fills for as long as `measured` takes, warm-up included. Rejects where an entry could not be written. */
  async during(measured: () => Promise<Measurement>): Promise<Measurement> {
    await this.#ask("start");
    const measurement = await measured();
    const { entries, elapsedMs, error } = await this.#ask("stop");
    this.#entries += entries;
    this.#elapsedMs += elapsedMs;
    if (error !== undefined) throw new Error(`The fill in the background failed: ${error}`);
    return measurement;
  }

  async close(): Promise<void> {
    const ended = once(this.#child, "close");
    const end: FillRequest = "end";
    this.#child.send(end);
    await ended;
  }

  #ask(request: FillRequest): Promise<FillAnswer> {
    const answered = this.#answer();
    this.#child.send(request);
    return answered;
  }

  #answer(): Promise<FillAnswer> {
    return new Promise((resolve, reject) => {
      const onEnd = (code: number | null): void => reject(new Error(`the filling process ended (${code})`));
      this.#child.once("close", onEnd);
      this.#child.once("message", (message) => {
        this.#child.off("close", onEnd);
        resolve(message as FillAnswer);
      });
    });
  }
}
