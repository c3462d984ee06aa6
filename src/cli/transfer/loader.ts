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

const batchMaxEntries = 500;
const batchMaxBytes = 512 * 1024;
const batchesInFlight = 16;

/**
 * Writes rows in batches, several in flight; memory is bounded by them. A key that comes again waits for its forerunner,
 * so that the last row of a key wins. Errors: the first bad row's with its line number, unless `skipBad`; whatever
 * the writer rejects with.
 */
export async function loadRows(rows: AsyncIterable<ReadRow>, write: EntryWriter, options: LoadOptions): Promise<LoadSummary> {
  const loader = new Loader(write, options);
  for await (const row of rows) {
    options.signal.throwIfAborted();
    await loader.take(row);
  }
  return loader.finish();
}

interface NumberedEntry {
  readonly lineNumber: number;
  readonly entry: Entry;
  /** The key as a string, one character a byte. */
  readonly name: string;
}

class Loader {
  readonly #write: EntryWriter;
  readonly #options: LoadOptions;
  readonly #startedMs: number;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #busyKeys = new Set<string>();
  #batch: NumberedEntry[] = [];
  #batchBytes = 0;
  #entries = 0;
  #bytes = 0;
  #badRows = 0;
  #failure: Error | undefined;

  constructor(write: EntryWriter, options: LoadOptions) {
    this.#write = write;
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  async take(row: ReadRow): Promise<void> {
    if (row.entry === undefined) {
      await this.#takeBad(row);
      return;
    }
    const wrongSize = sizeError(row.entry);
    if (wrongSize !== undefined) {
      await this.#takeBad({ lineNumber: row.lineNumber, entry: undefined, error: wrongSize });
      return;
    }
    const name = Buffer.from(row.entry.key).toString("latin1");
    if (this.#busyKeys.has(name)) await this.#drain();
    this.#busyKeys.add(name);
    this.#batch.push({ lineNumber: row.lineNumber, entry: row.entry, name });
    this.#batchBytes += row.entry.key.length + row.entry.value.length;
    if (this.#batch.length >= batchMaxEntries || this.#batchBytes >= batchMaxBytes) await this.#send();
  }

  async finish(): Promise<LoadSummary> {
    await this.#drain();
    return this.#summary();
  }

  async #takeBad(row: ReadRow): Promise<void> {
    if (!this.#options.skipBad) {
      // What stands before the bad row is written, so that "stopped at line n" tells exactly what is there.
      await this.#drain();
      throw atLine(row.lineNumber, row.error ?? new BigMapError("INVALID_ARGUMENT", "The row is bad"));
    }
    this.#badRows++;
    this.#options.onBadRow(row);
  }

  async #send(): Promise<void> {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    const sent = this.#writeBatch(batch).catch((error: unknown) => {
      this.#failure ??= error as Error;
    });
    this.#inFlight.add(sent);
    void sent.then(() => this.#inFlight.delete(sent));
    if (this.#inFlight.size >= batchesInFlight) await Promise.race(this.#inFlight);
    this.#throwFailure();
  }

  async #drain(): Promise<void> {
    await this.#send();
    await Promise.all(this.#inFlight);
    this.#throwFailure();
  }

  async #writeBatch(batch: readonly NumberedEntry[]): Promise<void> {
    const results = await this.#write(batch.map((each) => each.entry));
    batch.forEach((each, i) => this.#settle(each, results[i]));
    this.#options.onProgress(this.#summary());
  }

  #settle(each: NumberedEntry, error: BigMapError | undefined): void {
    this.#busyKeys.delete(each.name);
    if (error === undefined) {
      this.#entries++;
      this.#bytes += each.entry.key.length + each.entry.value.length;
    } else {
      this.#failure ??= atLine(each.lineNumber, error);
    }
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
