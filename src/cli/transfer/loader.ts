import type { Clock } from "../../base/clock.js";
import { BigMapError } from "../../base/errors.js";
import type { BatchShape } from "../../base/operation-batch-builder.js";
import { limits } from "../../base/limits.js";
import { PackedPuts } from "../../client/packed-puts.js";
import { BusyKeys, claims } from "./busy-keys.js";
import type { RowColumns } from "./row-columns.js";
import { atLine } from "./row-errors.js";
import type { ReadRow } from "./row-stream.js";

/** Where entries go. Resolves to what was not written, by its place. */
export type EntryWriter = (puts: PackedPuts) => Promise<ReadonlyMap<number, BigMapError>>;

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
  /** Rows whose entry was written; of several rows of one key each counts. */
  readonly entries: number;
  /** Keys and values written. */
  readonly bytes: number;
  readonly badRows: number;
  readonly elapsedMs: number;
}

/**
 * As many rows make a commit of their own: smaller batches cost more frames, messages and groups, larger ones let the other
 * threads wait.
 */
const batchMaxEntries = 1_000;
/** A little below a power of two, as the values and the frame take memory of such sizes. */
const batchMaxBytes = 1_016 * 1024;
const batchRoom: BatchShape = { count: batchMaxEntries, keyBytes: 32 * 1024, valueBytes: batchMaxBytes };
/** Enough for the server to have the next ones at hand while it writes; with more, their bytes are in no processor's cache any more. */
const batchesInFlightMost = 6;
/**
 * Where a batch takes longer the link, or the server, is slow, and the next goes alone: six at once over 100 kB/s took a minute, and
 * the timeout of most of them was over.
 */
const slowBatchMs = 3_000;

/**
 * Writes rows in batches, several in flight; memory is bounded by them. The last row of a key wins: rows of one batch are written in
 * their order, and a batch with a key of another that is in flight is sent once that one is answered, as a row that the server
 * asks to send again would come behind the newer one else. Errors: the first bad row's with its line number, unless `skipBad`;
 * whatever the writer rejects with.
 */
export async function loadRows(rows: AsyncIterable<RowColumns>, write: EntryWriter, options: LoadOptions): Promise<LoadSummary> {
  const loader = new Loader(write, options);
  for await (const some of rows) {
    options.signal.throwIfAborted();
    for (let i = 0; i < some.count; i++) {
      const wait = loader.take(some, i);
      if (wait === undefined) continue;
      await wait;
      options.signal.throwIfAborted();
    }
  }
  return loader.finish();
}

/** Entries that are written together. */
class Batch {
  readonly lineNumbers: number[] = [];
  /** Of key and value together. */
  readonly sizes: number[] = [];
  readonly puts = new PackedPuts(batchRoom);
  /** Batches in flight that have a key of this one. */
  readonly forerunners = new Set<number>();
  /** Of a row whose key comes again in this batch: the place of the next row with it. */
  readonly #successors = new Map<number, number>();

  constructor(readonly number: number) {}

  succeed(earlierPlace: number, place: number): void {
    this.#successors.set(earlierPlace, place);
  }

  /** Whether a later row of the same key was written, so that nothing is lost with this one. */
  isSuperseded(place: number, failures: ReadonlyMap<number, BigMapError>): boolean {
    let later = this.#successors.get(place);
    while (later !== undefined && failures.has(later)) later = this.#successors.get(later);
    return later !== undefined;
  }

  get count(): number {
    return this.sizes.length;
  }

  hasRoomFor(sizeBytes: number): boolean {
    return this.count < batchMaxEntries && this.puts.sizeBytes + sizeBytes <= batchMaxBytes;
  }
}

class Loader {
  readonly #write: EntryWriter;
  readonly #options: LoadOptions;
  readonly #startedMs: number;
  /** By the numbers of the batches. They never reject. */
  readonly #inFlight = new Map<number, Promise<void>>();
  readonly #busyKeys = new BusyKeys();
  /** One at first, and one more with each that was answered in time. */
  #inFlightMost = 1;
  #batch: Batch;
  #entries = 0;
  #bytes = 0;
  #badRows = 0;
  #failure: Error | undefined;

  constructor(write: EntryWriter, options: LoadOptions) {
    this.#write = write;
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    this.#batch = this.#newBatch(1);
  }

  /** Takes the row at once; where it returns a promise, the next row waits for that. */
  take(rows: RowColumns, i: number): Promise<void> | undefined {
    const lineNumber = rows.lineNumbers[i] as number;
    if (rows.isSlices(i)) {
      const valueEnd = rows.valueEnds[i] as number;
      return this.#take(
        lineNumber,
        rows.bytes,
        rows.keyStarts[i] as number,
        rows.keyEnds[i] as number,
        rows.valueStarts[i] as number,
        valueEnd,
      );
    }
    const { entry, error } = rows.at(i);
    if (entry === undefined) return this.#takeBad(lineNumber, error);
    const { key, value } = entry;
    return this.#take(lineNumber, Buffer.concat([key, value]), 0, key.length, key.length, key.length + value.length);
  }

  async finish(): Promise<LoadSummary> {
    await this.#drain();
    return this.#summary();
  }

  #take(
    lineNumber: number,
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
  ): Promise<void> | undefined {
    const keyBytes = keyEnd - keyStart;
    const valueBytes = valueEnd - valueStart;
    const wrongSize = sizeError(keyBytes, valueBytes);
    if (wrongSize !== undefined) return this.#takeBad(lineNumber, wrongSize);
    const wait = this.#batch.count === 0 || this.#batch.hasRoomFor(keyBytes + valueBytes) ? undefined : this.#sendAndWait();
    const batch = this.#batch;
    const holder = this.#busyKeys.claim(bytes, keyStart, keyEnd, batch.number, batch.count);
    if (holder === claims.noRoom) return this.#takeAfterAll(wait, lineNumber, bytes, keyStart, keyEnd, valueStart, valueEnd);
    if (holder === batch.number) batch.succeed(this.#busyKeys.earlierPlace, batch.count);
    else if (holder !== claims.free) batch.forerunners.add(holder);
    const { lineNumbers, sizes, puts } = batch;
    lineNumbers.push(lineNumber);
    sizes.push(keyBytes + valueBytes);
    puts.add(bytes, keyStart, keyEnd, valueStart, valueEnd);
    return wait;
  }

  async #takeAfterAll(
    wait: Promise<void> | undefined,
    lineNumber: number,
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
  ): Promise<void> {
    await wait;
    await this.#drain();
    // Nothing is busy any more.
    await this.#take(lineNumber, bytes, keyStart, keyEnd, valueStart, valueEnd);
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

  /** Resolves when there is room for one more batch. */
  async #sendAndWait(): Promise<void> {
    this.#send();
    while (this.#inFlight.size >= this.#inFlightMost) await Promise.race(this.#inFlight.values());
    this.#throwFailure();
  }

  async #drain(): Promise<void> {
    this.#send();
    await Promise.all(this.#inFlight.values());
    this.#throwFailure();
  }

  #send(): void {
    const batch = this.#batch;
    if (batch.count === 0) return;
    this.#batch = this.#newBatch(batch.number + 1);
    const sent = batch.forerunners.size === 0 ? this.#writeTimed(batch.puts) : this.#writeAfterForerunners(batch);
    const written = sent
      .then((failures) => this.#settle(batch, failures))
      .catch((error: unknown) => {
        this.#failure ??= error as Error;
      })
      .then(() => void this.#inFlight.delete(batch.number));
    this.#inFlight.set(batch.number, written);
  }

  async #writeAfterForerunners({ forerunners, puts }: Batch): Promise<ReadonlyMap<number, BigMapError>> {
    for (const number of forerunners) await this.#inFlight.get(number);
    // Else it would write behind the row at which the import stops.
    this.#throwFailure();
    this.#options.signal.throwIfAborted();
    return this.#writeTimed(puts);
  }

  async #writeTimed(puts: PackedPuts): Promise<ReadonlyMap<number, BigMapError>> {
    const { clock } = this.#options;
    const sentMs = clock.monotonicMs();
    const failures = await this.#write(puts);
    const isSlow = clock.monotonicMs() - sentMs > slowBatchMs;
    this.#inFlightMost = isSlow ? 1 : Math.min(batchesInFlightMost, this.#inFlightMost + 1);
    return failures;
  }

  #newBatch(number: number): Batch {
    this.#busyKeys.begin(number);
    return new Batch(number);
  }

  #settle(batch: Batch, failures: ReadonlyMap<number, BigMapError>): void {
    const { lineNumbers, sizes } = batch;
    this.#busyKeys.settle(batch.number);
    for (let i = 0; i < sizes.length; i++) {
      const error = failures.size === 0 ? undefined : failures.get(i);
      if (error === undefined || batch.isSuperseded(i, failures)) {
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
function sizeError(keyBytes: number, valueBytes: number): BigMapError | undefined {
  if (keyBytes === 0) return new BigMapError("KEY_EMPTY", "The key is empty");
  if (keyBytes > limits.keyMaxBytes) return new BigMapError("KEY_TOO_LARGE", `The key has ${keyBytes} bytes`);
  return valueBytes > limits.valueMaxBytes ? new BigMapError("VALUE_TOO_LARGE", `The value has ${valueBytes} bytes`) : undefined;
}
