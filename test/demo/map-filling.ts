import { isDeepStrictEqual } from "node:util";
import type { MapHandle } from "../../src/client/map-handle.js";

const batchEntries = 500;
const batchesInFlight = 8;

export interface FillCallbacks {
  readonly onProgress: (entries: number, bytes: number) => void;
  /** Called after every `pauseEvery` entries and at the end, with nothing in flight. */
  readonly onPause: (entries: number) => Promise<void>;
}

/** Puts all entries, in batches of which several are in flight. Rejects with the first error. */
export async function importEntries<V>(
  handle: MapHandle<string, V>,
  entries: AsyncIterable<readonly [string, V]>,
  pauseEvery: number,
  callbacks: FillCallbacks,
): Promise<void> {
  let done = 0;
  let bytes = 0;
  let asked = 0;
  let nextPause = pauseEvery;
  const lanes = new Lanes(async (batch: readonly (readonly [string, V])[]) => {
    for (const outcome of await handle.putMany(batch)) if (!outcome.ok) throw outcome.error;
    done += batch.length;
    bytes += batch.reduce((total, [key, value]) => total + key.length + JSON.stringify(value).length, 0);
    callbacks.onProgress(done, bytes);
  });
  for await (const batch of batches(entries)) {
    await lanes.add(batch);
    asked += batch.length;
    if (asked < nextPause) continue;
    await lanes.drain();
    await callbacks.onPause(asked);
    nextPause += pauseEvery;
  }
  await lanes.drain();
  await callbacks.onPause(asked);
}

export interface Comparison {
  same: number;
  missing: number;
  different: number;
}

/** Reads every entry back and compares it with what it must be. */
export async function compareEntries<V>(
  handle: MapHandle<string, V>,
  entries: AsyncIterable<readonly [string, V]>,
  onProgress: (entries: number) => void,
): Promise<Comparison> {
  const comparison: Comparison = { same: 0, missing: 0, different: 0 };
  const lanes = new Lanes(async (batch: readonly (readonly [string, V])[]) => {
    const values = await handle.getMany(batch.map(([key]) => key));
    batch.forEach(([, expected], i) => {
      const value = values[i];
      if (value === undefined) comparison.missing++;
      else if (isDeepStrictEqual(value, expected)) comparison.same++;
      else comparison.different++;
    });
    onProgress(comparison.same + comparison.missing + comparison.different);
  });
  for await (const batch of batches(entries)) await lanes.add(batch);
  await lanes.drain();
  return comparison;
}

/** Work on batches, several at a time; the first failure is thrown at the next call. */
class Lanes<Batch> {
  readonly #work: (batch: Batch) => Promise<void>;
  readonly #inFlight = new Set<Promise<void>>();
  #failure: Error | undefined;

  constructor(work: (batch: Batch) => Promise<void>) {
    this.#work = work;
  }

  async add(batch: Batch): Promise<void> {
    const running = this.#work(batch).catch((error: unknown) => {
      this.#failure ??= error as Error;
    });
    this.#inFlight.add(running);
    void running.then(() => this.#inFlight.delete(running));
    if (this.#inFlight.size >= batchesInFlight) await Promise.race(this.#inFlight);
    this.#throwFailure();
  }

  async drain(): Promise<void> {
    await Promise.all(this.#inFlight);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

async function* batches<T>(entries: AsyncIterable<T>): AsyncIterable<T[]> {
  let batch: T[] = [];
  for await (const entry of entries) {
    batch.push(entry);
    if (batch.length < batchEntries) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
