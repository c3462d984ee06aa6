import { sleep, systemClock } from "../../src/base/clock.js";
import { BigMapError } from "../../src/base/errors.js";
import type { BigMap } from "../../src/client/bigmap.js";

/** How far the loop was when the server died. */
type Phase = "filling" | "filled" | "wiping" | "wiped";

const keyCount = 40;
const pauseMs = 20;

/**
 * Fills a map and wipes it, again and again: by `clear`, which is atomic per canister, or by `dropMap`, which is atomic.
 * After a crash `verify` says whether what is there fits what was acknowledged.
 */
export class WipeLoop {
  readonly name: string;
  readonly #how: "clear" | "drop";
  #generation = 0;
  #phase: Phase = "wiped";
  readonly #acknowledged = new Set<string>();
  wipes = 0;

  constructor(how: "clear" | "drop") {
    this.#how = how;
    this.name = how === "clear" ? "cleared-again" : "dropped-again";
  }

  async run(bigmap: BigMap, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      try {
        if (this.#phase === "filled" || this.#phase === "wiping") await this.#wipe(bigmap);
        else await this.#fill(bigmap, until);
      } catch (error) {
        // The server is going down, or busy; what was not acknowledged stays open.
        if (BigMapError.from(error).code === "INTERNAL") throw error;
      }
      await sleep(systemClock, pauseMs, until).catch(() => undefined);
    }
  }

  /** What is wrong with what is there; the server must be at rest. Begins anew from what it finds. */
  async verify(bigmap: BigMap): Promise<string[]> {
    const found = await this.#read(bigmap);
    const wrong = this.#judge(found);
    this.#phase = found.size === 0 ? "wiped" : found.size === keyCount ? "filled" : "filling";
    this.#acknowledged.clear();
    for (const key of found.keys()) this.#acknowledged.add(key);
    return wrong.map((message) => `map ${this.name}, which was ${this.#how} ${this.wipes} times: ${message}`);
  }

  async #fill(bigmap: BigMap, until: AbortSignal): Promise<void> {
    if (this.#phase === "wiped") {
      this.#phase = "filling";
      this.#generation++;
      this.#acknowledged.clear();
    }
    const map = bigmap.map<string>(this.name, { value: textCodec });
    for (const key of keys()) {
      if (until.aborted) return;
      await map.put(key, this.#valueOf(key));
      this.#acknowledged.add(key);
    }
    this.#phase = "filled";
  }

  async #wipe(bigmap: BigMap): Promise<void> {
    this.#phase = "wiping";
    try {
      await (this.#how === "clear" ? bigmap.map(this.name).clear() : bigmap.dropMap(this.name));
    } catch (error) {
      // Only after a wipe whose answer was lost.
      if (BigMapError.from(error).code !== "MAP_NOT_FOUND") throw error;
    }
    this.wipes++;
    this.#phase = "wiped";
    this.#acknowledged.clear();
  }

  async #read(bigmap: BigMap): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    try {
      for await (const { key, value } of bigmap.map<string>(this.name, { value: textCodec }).scan()) found.set(key, value);
    } catch (error) {
      if (BigMapError.from(error).code !== "MAP_NOT_FOUND") throw error;
    }
    return found;
  }

  #judge(found: ReadonlyMap<string, string>): string[] {
    const foreign = [...found].filter(([key, value]) => value !== this.#valueOf(key)).map(([key]) => `${key} has an old or foreign value`);
    if (this.#phase === "wiped" && found.size > 0) return [`${found.size} entries came back after the wipe was acknowledged`];
    const isPartial = this.#phase === "wiping" && this.#how === "drop" && found.size !== 0 && found.size !== keyCount;
    if (isPartial) return [...foreign, `a drop left ${found.size} of ${keyCount} entries`];
    if (this.#phase === "wiping") return foreign;
    const lost = [...this.#acknowledged].filter((key) => !found.has(key)).map((key) => `${key} was acknowledged and is gone`);
    return [...foreign, ...lost];
  }

  #valueOf(key: string): string {
    return `generation ${this.#generation} of ${key} ${"x".repeat(200)}`;
  }
}

const textCodec = { encode: (text: string) => text, decode: (stored: Uint8Array) => Buffer.from(stored).toString("utf8") };

function keys(): string[] {
  return Array.from({ length: keyCount }, (_, i) => `key-${i}`);
}
