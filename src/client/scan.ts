import { emptyBytes } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { ScanPage } from "../base/scan-page.js";
import { assertSignal, checkedTimeoutMs } from "./call-options.js";
import type { Calls } from "./calls.js";
import { decodeSlice } from "./codec.js";
import type { MapCodecs } from "./map-handle.js";

export interface ScanOptions<K> {
  /** Only keys whose bytes begin with the encoded form of this one; the filter runs in the canisters. */
  readonly prefix?: K;
  /** At most this many entries. */
  readonly limit?: number;
  /** Where to resume: `cursor` of an earlier scan of the same map and prefix. Errors: CURSOR_INVALID. */
  readonly cursor?: Uint8Array;
  /** Leaves the values out. */
  readonly keysOnly?: boolean;
  /** For each page, instead of the client's timeout: between pages the scan has the time of its reader. */
  readonly timeoutMs?: number;
  /** Gives up: CANCELLED. */
  readonly signal?: AbortSignal;
}

export interface ScanEntry<K, V> {
  readonly key: K;
  /** Undefined in a scan of keys only. */
  readonly value: V;
  readonly version: number;
}

export interface ScannedPage<K, V> {
  readonly entries: readonly ScanEntry<K, V>[];
  /** Where to resume after this page; undefined after the last. */
  readonly cursor: Uint8Array | undefined;
}

/**
 * A running scan: an async iterable of entries in ring order, to be read once.
 *
 * It is read a page at a time. What a page has of one data canister is of one moment: of an atomic `write`, or of a `clear`, all or
 * nothing. Pages, and the canisters of one page, follow each other, so a scan as a whole sees the changes beside it.
 *
 * To stop and resume later, even in another process, keep `cursor` and hand it to a new scan. It stands after the last
 * page that was read to its end: after a `break` in the middle of a page the entries of that page come again. With a
 * `limit`, or with `pages()`, nothing comes twice. Errors: MAP_NOT_FOUND (also where the map is dropped meanwhile), CURSOR_INVALID,
 * CANISTER_STOPPED, CANCELLED, CODEC_FAILED; UNAVAILABLE or DEADLINE_EXCEEDED where a page did not come in time; CLOSED for the first
 * page that is asked after `BigMap.close`.
 */
export class Scan<K, V> implements AsyncIterable<ScanEntry<K, V>> {
  readonly #map: string;
  readonly #codecs: MapCodecs<K, unknown>;
  readonly #calls: Calls;
  readonly #prefix: Uint8Array;
  readonly #keysOnly: boolean;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  #left: number;
  #cursor: Uint8Array | undefined;
  #ended = false;

  /** For MapHandle. `timeoutMs`: where the options name none. */
  constructor(
    map: string,
    codecs: MapCodecs<K, unknown>,
    calls: Calls,
    prefix: Uint8Array | undefined,
    options: ScanOptions<K>,
    timeoutMs: number,
  ) {
    this.#map = map;
    this.#codecs = codecs;
    this.#calls = calls;
    this.#prefix = prefix ?? emptyBytes;
    this.#left = checkedLimit(options.limit);
    this.#cursor = options.cursor;
    this.#keysOnly = options.keysOnly === true;
    this.#timeoutMs = checkedTimeoutMs(options.timeoutMs ?? timeoutMs);
    this.#signal = options.signal;
    if (options.signal !== undefined) assertSignal(options.signal);
  }

  /** Where to resume; undefined before the first page and after the last (see `ended`). */
  get cursor(): Uint8Array | undefined {
    return this.#cursor;
  }

  /** Whether the scan has seen the whole map. */
  get ended(): boolean {
    return this.#ended;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ScanEntry<K, V>, void, undefined> {
    while (this.#mayGoOn()) {
      const page = await this.#fetch();
      for (const entry of page.entries) yield entry;
      this.#advance(page);
    }
  }

  /** The same, a page at a time: at most 4,096 entries or 1 MiB, of keys only the values count too. A page may be empty. */
  async *pages(): AsyncGenerator<ScannedPage<K, V>, void, undefined> {
    while (this.#mayGoOn()) {
      const page = await this.#fetch();
      this.#advance(page);
      yield page;
    }
  }

  #mayGoOn(): boolean {
    return !this.#ended && this.#left > 0;
  }

  #advance(page: ScannedPage<K, V>): void {
    this.#left -= page.entries.length;
    this.#cursor = page.cursor;
    this.#ended = page.cursor === undefined;
  }

  async #fetch(): Promise<ScannedPage<K, V>> {
    this.#assertNotAborted();
    const maxEntries = Math.min(this.#left, limits.scanPageMaxEntries);
    const request = { map: this.#map, prefix: this.#prefix, maxEntries, cursor: this.#cursor, keysOnly: this.#keysOnly };
    try {
      const page = await this.#calls.scanPage(request, this.#signal, this.#timeoutMs);
      return { entries: this.#decode(page), cursor: page.cursor };
    } catch (error) {
      this.#assertNotAborted();
      throw BigMapError.from(error);
    }
  }

  #decode(page: ScanPage): ScanEntry<K, V>[] {
    const { keys, keyOffsets, values, valueOffsets, versions } = page;
    const entries = new Array<ScanEntry<K, V>>(page.count);
    for (let i = 0; i < page.count; i++) {
      const key = decodeSlice(this.#codecs.key, keys, keyOffsets[i] as number, keyOffsets[i + 1] as number);
      const value = this.#keysOnly
        ? undefined
        : decodeSlice(this.#codecs.value, values, valueOffsets[i] as number, valueOffsets[i + 1] as number);
      entries[i] = { key, value: value as V, version: versions[i] as number };
    }
    return entries;
  }

  #assertNotAborted(): void {
    if (this.#signal?.aborted === true) throw new BigMapError("CANCELLED", "The scan's signal was aborted", { cause: this.#signal.reason });
  }
}

function checkedLimit(limit: number | undefined): number {
  if (limit === undefined || limit === Infinity) return Infinity;
  if (Number.isSafeInteger(limit) && limit >= 0) return limit;
  throw new BigMapError("INVALID_ARGUMENT", `A limit is a whole number from 0, not ${limit}`);
}
