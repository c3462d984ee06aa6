import { sleep } from "../base/clock.js";
import type { BigMap } from "../client/bigmap.js";
import type { RingView } from "./drawing/ring-drawing.js";
import type { Terminal } from "./terminal.js";

/** Canisters fill without a new ring version: the figures are read again this often. */
const refreshMs = 1_000;

/** The ring as it is now. The version is read first: the picture is never older than it says. */
export async function readRingView(bigmap: BigMap, map: string): Promise<RingView> {
  const { ring } = await bigmap.ring(map);
  const { canisters } = await bigmap.topology(map);
  return { map, ringVersion: ring.version, canisters };
}

/**
 * The ring whenever it changes: at once with a new version, and every second where only the fill has moved. Ends when the
 * signal is aborted. Errors: MAP_NOT_FOUND, also when the map is dropped.
 */
export async function* watchRingViews(bigmap: BigMap, map: string, terminal: Pick<Terminal, "clock" | "signal">): AsyncIterable<RingView> {
  const watcher = new RingWatcher(bigmap, map, terminal);
  void watcher.follow();
  let shown = "";
  while (!terminal.signal.aborted) {
    watcher.throwFailure();
    const { canisters } = await bigmap.topology(map);
    const view = { map, ringVersion: watcher.version, canisters };
    const text = JSON.stringify(view);
    if (text !== shown && view.ringVersion > 0) yield view;
    shown = text;
    await watcher.changed();
  }
}

class RingWatcher {
  version = 0;
  readonly #bigmap: BigMap;
  readonly #map: string;
  readonly #terminal: Pick<Terminal, "clock" | "signal">;
  #wake = new AbortController();
  #failure: Error | undefined;
  /** Something changed that nobody has looked at yet. */
  #dirty = false;

  constructor(bigmap: BigMap, map: string, terminal: Pick<Terminal, "clock" | "signal">) {
    this.#bigmap = bigmap;
    this.#map = map;
    this.#terminal = terminal;
    terminal.signal.addEventListener("abort", () => this.#wake.abort(), { once: true });
  }

  async follow(): Promise<void> {
    try {
      for await (const { ring } of this.#bigmap.watchRing(this.#map, { signal: this.#terminal.signal })) {
        this.version = ring.version;
        this.#wakeUp();
      }
    } catch (error) {
      if (!this.#terminal.signal.aborted) this.#failure = error as Error;
      this.#wakeUp();
    }
  }

  /** Resolves at the next version, at the next refresh, or when watching ends. */
  async changed(): Promise<void> {
    if (!this.#dirty) await sleep(this.#terminal.clock, refreshMs, this.#wake.signal).catch(() => undefined);
    this.#dirty = false;
  }

  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #wakeUp(): void {
    this.#dirty = true;
    this.#wake.abort();
    if (!this.#terminal.signal.aborted) this.#wake = new AbortController();
  }
}
