import { asBuffer } from "../base/bytes.js";
import { sleep, type Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import { allEntriesRange, keyAfter, mapIdOfEntryKey, tokenOfEntryKey } from "../storage/key-layout.js";
import type { KeyRange, RowPage, StorageEngine } from "../storage/storage-engine.js";
import type { AbsenceFilter } from "./absence-filter.js";
import type { HostedCanister } from "./hosted-canister.js";

export interface AbsenceSurveyParts {
  readonly engine: StorageEngine;
  readonly filter: AbsenceFilter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One step reads rows of about so many bytes from the disk, which takes a few milliseconds off this thread and less than one on it. */
const stepBytes = 256 * 1024;
/** Values may have grown since the rows were counted. */
const stepMaxRows = 500;
/** After a step the survey rests for so many times as long as the step took. */
const restRatio = 9;

/**
 * Makes the absence filter of a store that was not empty at opening complete: reads all stored entries once, in the background, in a tenth
 * of the time at most. Each step reads the store as it is then, so that no old state is held for long. Nothing is missed: an entry that is
 * stored when a step passes its place is seen, and one that comes later was added by its put, as puts add from the opening on.
 * Where that is not done, as the store is too large for the filter or cannot be read, the filter is given up: absent keys are looked up.
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
    let bytes = 0;
    for (const { canister } of canisters) {
      entries += canister.committedEntries;
      bytes += canister.committedBytes;
    }
    if (entries > filter.usefulEntriesMost) filter.giveUp();
    else this.#running = this.#run(Math.min(stepMaxRows, Math.ceil((stepBytes * Math.max(1, entries)) / Math.max(1, bytes))));
  }

  /** Resolves when nothing is read any more. */
  stop(): Promise<void> {
    this.#stopping.abort();
    return this.#running;
  }

  async #run(stepRows: number): Promise<void> {
    try {
      await this.#addAll(stepRows);
      this.parts.filter.complete();
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.parts.filter.giveUp();
      this.parts.logger.warn({ err: error }, "The stored entries were not all read: absent keys are looked up in the storage engine");
    }
  }

  async #addAll(stepRows: number): Promise<void> {
    const { clock, filter } = this.parts;
    const { signal } = this.#stopping;
    let range = allEntriesRange;
    for (;;) {
      signal.throwIfAborted();
      const beganMs = clock.monotonicMs();
      const { keys, finished } = await this.#read(range, stepRows);
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
    const { keys, finished } = await this.#read(allEntriesRange, 1);
    return finished && keys.length === 0;
  }

  async #read(range: KeyRange, maxRows: number): Promise<RowPage> {
    const reader = this.parts.engine.openReader(range, "keys");
    try {
      return await reader.next({ maxRows, maxBytes: stepBytes });
    } finally {
      reader.close();
    }
  }
}
