import { asBuffer } from "../../base/bytes.js";
import type { Clock } from "../../base/clock.js";
import { BigMapError } from "../../base/errors.js";
import { limits } from "../../base/limits.js";
import type { Entry } from "./row.js";
import type { ReadRow } from "./row-stream.js";

/** Where entries go. Resolves to one result for each entry: undefined where it was written. */
export type EntryWriter = (entries: readonly Entry[]) => Promise<readonly (BigMapError | undefined)[]>;

export interface LoadOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Count bad rows and go on, instead of stopping at the first. */
  readonly skipBad: boolean;
  /** Called with every bad row that is passed over. */
  readonly onBadRow: (row: ReadRow) => void;
  /** Called after every batch. */
  readonly onProgress: (summary: LoadSummary) => void;
}

export interface LoadSummary {
  readonly entries: number;
  /** Keys and values written. */
  readonly bytes: number;
  readonly badRows: number;
  readonly elapsedMs: number;
}

const batchMaxEntries = 1_000;
const batchMaxBytes = 1024 * 1024;
const batchesInFlight = 8;

/**
 * Writes rows in batches, several in flight; memory is bounded by them. A key that comes again waits for its forerunner,
 * so that the last row of a key wins. Errors: the first bad row's with its line number, unless `skipBad`; whatever
 * the writer rejects with.
 */
export async function loadRows(rows: AsyncIterable<readonly ReadRow[]>, write: EntryWriter, options: LoadOptions): Promise<LoadSummary> {
  const loader = new Loader(write, options);
  for await (const some of rows) {
    options.signal.throwIfAborted();
    for (const row of some) {
      const wait = loader.take(row);
      if (wait === undefined) continue;
      await wait;
      options.signal.throwIfAborted();
    }
  }
  return loader.finish();
}

/** Entries that are written together, as columns. */
class Batch {
  readonly lineNumbers: number[] = [];
  /** The keys as strings, one character a byte. */
  readonly names: string[] = [];
  /** Of key and value together. */
  readonly sizes: number[] = [];
  sizeBytes = 0;
  #entries: Entry[] = [];

  get count(): number {
    return this.#entries.length;
  }

  add(lineNumber: number, name: string, entry: Entry): void {
    const sizeBytes = entry.key.length + entry.value.length;
    this.lineNumbers.push(lineNumber);
    this.names.push(name);
    this.sizes.push(sizeBytes);
    this.sizeBytes += sizeBytes;
    this.#entries.push(entry);
  }

  /** Hands the entries over: while they are under way nobody but the writer keeps them, nor the input that they are slices of. */
  takeEntries(): readonly Entry[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }
}

class Loader {
  readonly #write: EntryWriter;
  readonly #options: LoadOptions;
  readonly #startedMs: number;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #busyKeys = new Set<string>();
  #batch = new Batch();
  #entries = 0;
  #bytes = 0;
  #badRows = 0;
  #failure: Error | undefined;

  constructor(write: EntryWriter, options: LoadOptions) {
    this.#write = write;
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  /** Takes the row at once; where it returns a promise, the next row waits for that. */
  take({ lineNumber, entry, error }: ReadRow): Promise<void> | undefined {
    if (entry === undefined) return this.#takeBad(lineNumber, error);
    const wrongSize = sizeError(entry);
    if (wrongSize !== undefined) return this.#takeBad(lineNumber, wrongSize);
    const name = asBuffer(entry.key).toString("latin1");
    const { size } = this.#busyKeys;
    // One look-up tells whether the key is new and makes it busy.
    if (this.#busyKeys.add(name).size === size) return this.#takeAfterForerunner(lineNumber, name, entry);
    return this.#add(lineNumber, name, entry);
  }

  async finish(): Promise<LoadSummary> {
    await this.#drain();
    return this.#summary();
  }

  async #takeAfterForerunner(lineNumber: number, name: string, entry: Entry): Promise<void> {
    await this.#drain();
    this.#busyKeys.add(name);
    await this.#add(lineNumber, name, entry);
  }

  async #takeBad(lineNumber: number, error = new BigMapError("INVALID_ARGUMENT", "The row is bad")): Promise<void> {
    if (!this.#options.skipBad) {
      // What stands before the bad row is written, so that "stopped at line n" tells exactly what is there.
      await this.#drain();
      throw atLine(lineNumber, error);
    }
    this.#badRows++;
    this.#options.onBadRow({ lineNumber, entry: undefined, error });
  }

  #add(lineNumber: number, name: string, entry: Entry): Promise<void> | undefined {
    this.#batch.add(lineNumber, name, entry);
    return this.#batch.count >= batchMaxEntries || this.#batch.sizeBytes >= batchMaxBytes ? this.#sendAndWait() : undefined;
  }

  /** Resolves when there is room for one more batch. */
  async #sendAndWait(): Promise<void> {
    this.#send();
    if (this.#inFlight.size >= batchesInFlight) await Promise.race(this.#inFlight);
    this.#throwFailure();
  }

  async #drain(): Promise<void> {
    this.#send();
    await Promise.all(this.#inFlight);
    this.#throwFailure();
  }

  #send(): void {
    const batch = this.#batch;
    if (batch.count === 0) return;
    this.#batch = new Batch();
    const written = this.#write(batch.takeEntries())
      .then((results) => this.#settle(batch, results))
      .catch((error: unknown) => {
        this.#failure ??= error as Error;
      });
    this.#inFlight.add(written);
    void written.then(() => this.#inFlight.delete(written));
  }

  #settle({ lineNumbers, names, sizes }: Batch, results: readonly (BigMapError | undefined)[]): void {
    for (let i = 0; i < names.length; i++) {
      this.#busyKeys.delete(names[i] as string);
      const error = results[i];
      if (error === undefined) {
        this.#entries++;
        this.#bytes += sizes[i] as number;
      } else {
        this.#failure ??= atLine(lineNumbers[i] as number, error);
      }
    }
    this.#options.onProgress(this.#summary());
  }

  #summary(): LoadSummary {
    const elapsedMs = this.#options.clock.monotonicMs() - this.#startedMs;
    return { entries: this.#entries, bytes: this.#bytes, badRows: this.#badRows, elapsedMs };
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Sizes are checked row by row, before a batch is refused as a whole. */
function sizeError({ key, value }: Entry): BigMapError | undefined {
  if (key.length === 0) return new BigMapError("KEY_EMPTY", "The key is empty");
  if (key.length > limits.keyMaxBytes) return new BigMapError("KEY_TOO_LARGE", `The key has ${key.length} bytes`);
  return value.length > limits.valueMaxBytes ? new BigMapError("VALUE_TOO_LARGE", `The value has ${value.length} bytes`) : undefined;
}

function atLine(lineNumber: number, error: BigMapError): BigMapError {
  return new BigMapError(error.code, `Line ${lineNumber}: ${error.message}`, { cause: error, hint: error.hint, retry: error.retry });
}
