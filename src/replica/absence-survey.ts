import { asBuffer } from "../base/bytes.js";
import { sleep, type Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import { allEntriesRange, mapIdOfEntryKey, tokenOfEntryKey } from "../storage/key-layout.js";
import type { KeyRange, StorageEngine } from "../storage/storage-engine.js";
import type { AbsenceFilter } from "./absence-filter.js";
import type { HostedCanister } from "./hosted-canister.js";

export interface AbsenceSurveyParts {
  readonly engine: StorageEngine;
  readonly filter: AbsenceFilter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One step reads so much, which takes a few milliseconds off this thread and less than one on it. */
const step = { maxRows: 2_048, maxBytes: 256 * 1024 };
/** After a step the survey rests for so many times as long as the step took. */
const restRatio = 9;

/**
 * Makes the absence filter of a store that was not empty at opening complete: reads all stored entries once, in the background, in a tenth
 * of the time at most. Each step reads the store as it is then, so that no old state is held for long. Nothing is missed: an entry that is
 * stored when a step passes its place is seen, and one that comes later was added by its put, as puts add from the opening on.
 * A failure leaves the filter incomplete, which only costs look-ups.
 */
export class AbsenceSurvey {
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(private readonly parts: AbsenceSurveyParts) {}

  /**
   * Begins, unless the canisters have too many entries for the filter to be of use. The filter of a new store, in which no canister was
   * ever opened, is complete when this resolves. Errors: those of the storage engine.
   */
  async begin(isNewStore: boolean, canisters: Iterable<HostedCanister>): Promise<void> {
    const { filter } = this.parts;
    if (isNewStore && (await this.#isEmpty())) {
      filter.complete();
      return;
    }
    let entries = 0;
    for (const { canister } of canisters) entries += canister.committedEntries;
    if (entries <= filter.usefulEntriesMost) this.#running = this.#run();
  }

  /** Resolves when nothing is read any more. */
  stop(): Promise<void> {
    this.#stopping.abort();
    return this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.#addAll();
      this.parts.filter.complete();
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.parts.logger.warn({ err: error }, "The stored entries were not all read: absent keys are looked up in the storage engine");
    }
  }

  async #addAll(): Promise<void> {
    const { clock, filter } = this.parts;
    const { signal } = this.#stopping;
    let range = allEntriesRange;
    for (;;) {
      signal.throwIfAborted();
      const beganMs = clock.monotonicMs();
      const { keys, finished } = await this.#read(range);
      for (const stored of keys) {
        const key = asBuffer(stored);
        const { high, low } = tokenOfEntryKey(key);
        filter.add(mapIdOfEntryKey(key), high, low);
      }
      if (finished) return;
      range = { start: keyAfter(keys[keys.length - 1] as Uint8Array), end: allEntriesRange.end };
      await sleep(clock, (clock.monotonicMs() - beganMs) * restRatio, signal);
    }
  }

  async #isEmpty(): Promise<boolean> {
    const { keys, finished } = await this.#read(allEntriesRange);
    return finished && keys.length === 0;
  }

  async #read(range: KeyRange): Promise<{ readonly keys: readonly Uint8Array[]; readonly finished: boolean }> {
    const reader = this.parts.engine.openReader(range);
    try {
      return await reader.next(step);
    } finally {
      reader.close();
    }
  }
}

/** The smallest key behind this one. */
function keyAfter(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Buffer.alloc(1)]);
}
