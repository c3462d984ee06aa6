import { sleep, systemClock } from "../../src/base/clock.js";
import { BigMapError } from "../../src/base/errors.js";
import type { BigMap } from "../../src/client/bigmap.js";

export interface SplitSpan {
  readonly startMs: number;
  readonly endMs: number;
}

const pauseMs = 50;

/** Splits the canister with the most entries of a map, one after the other. */
export class SplitLoop {
  readonly spans: SplitSpan[] = [];
  /** Splits that were refused: another was under way, or nothing could be cut. */
  refused = 0;

  async run(bigmap: BigMap, mapName: string, maxSplits: number, until: AbortSignal): Promise<void> {
    while (!until.aborted && this.spans.length < maxSplits) {
      try {
        await this.#splitOne(bigmap, mapName);
      } catch (error) {
        if (BigMapError.from(error).code === "INTERNAL") throw error;
        this.refused++;
      }
      await sleep(systemClock, pauseMs, until).catch(() => undefined);
    }
  }

  async #splitOne(bigmap: BigMap, mapName: string): Promise<void> {
    const { canisters } = await bigmap.topology(mapName);
    const [largest] = [...canisters].sort((left, right) => right.entries - left.entries);
    if (largest === undefined || largest.entries < 2) return;
    const startMs = systemClock.monotonicMs();
    await bigmap.splitCanister(largest.canisterId);
    this.spans.push({ startMs, endMs: systemClock.monotonicMs() });
  }
}
