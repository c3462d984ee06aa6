import { asBuffer, emptyBytes, startsWithBytes } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { ScanPageRequest } from "../base/map-backend.js";
import { ScanPageBuilder, type ScanPage } from "../base/scan-page.js";
import { decodeCursor, encodeCursor, type ScanPosition } from "../canister/scan-cursor.js";
import { tokenSpaceEnd, tokenSpaceStart, type HashRange } from "../ring/hash-range.js";
import type { Token } from "../ring/token.js";
import {
  assertEntryHeader,
  encodeEntryKey,
  entryHeaderBytes,
  entryKeyPrefixBytes,
  entryKeyRange,
  keyAfter,
  keyOfEntryKey,
  tokenOfEntryKey,
  versionOfEntryValue,
} from "../storage/key-layout.js";
import type { PackedValues } from "../storage/packed-values.js";
import type { KeyRange, ReadRangeOptions, RowPage, SnapshotReader, StorageEngine } from "../storage/storage-engine.js";
import type { MapRoutes } from "./map-routes.js";

const scanStart: ScanPosition = { token: tokenSpaceStart, key: emptyBytes };

/** The range of the ring in which a page begins, and its place. */
export interface ScanPlace {
  readonly position: ScanPosition;
  readonly range: HashRange;
  readonly place: number;
}

/** The range behind another one; undefined behind the last. */
export function scanPlaceAfter({ place }: ScanPlace, routes: MapRoutes): ScanPlace | undefined {
  if (place + 1 >= routes.ring.size) return undefined;
  const range = routes.ring.rangeAt(place + 1);
  return { position: { token: range.start, key: emptyBytes }, range, place: place + 1 };
}

/** Where a page begins. Errors: CURSOR_INVALID. */
export function scanPlaceOf(request: ScanPageRequest, routes: MapRoutes): ScanPlace {
  const position = request.cursor === undefined ? scanStart : decodeCursor(request.cursor, routes.record.mapId, request.prefix);
  const place = routes.ring.indexOf(position.token.high, position.token.low);
  return { position, range: routes.ring.rangeAt(place), place };
}

/** Where the scan goes on behind a canister; undefined where the page must end there. */
export type NextPlace = (after: ScanPlace) => ScanPlace | undefined;

/**
 * Reads one page, in ring order, from one canister or, where they hold little, from several that follow each other. What it has of one
 * canister is of one moment. The filter by prefix runs here: a page that finds little stops after limits.scanReadMaxBytes and still
 * moves the cursor.
 * Errors: STORAGE_CORRUPT, STORAGE_FAILED.
 */
export async function readScanPage(
  engine: StorageEngine,
  mapId: number,
  request: ScanPageRequest,
  from: ScanPlace,
  next: NextPlace,
): Promise<ScanPage> {
  const page = new PageFilter(request);
  let place = from;
  for (let canisters = 1; ; canisters++) {
    const last = await readCanister(engine, mapId, place, page);
    if (last !== undefined) return page.build(encodeCursor(mapId, request.prefix, last));
    const following = canisters < canistersMost ? next(place) : undefined;
    if (following === undefined) return page.build(cursorAfter(mapId, request.prefix, place.range.end));
    place = following;
  }
}

/** A page looks into so many canisters at most, so that many empty ones do not hold up its answer. */
const canistersMost = 64;

/** Reads the rest of one canister, as it is at one moment, into the page. Returns where to resume when the page is full. */
async function readCanister(engine: StorageEngine, mapId: number, from: ScanPlace, page: PageFilter): Promise<ScanPosition | undefined> {
  const range = rowsFrom(mapId, from);
  const rows = page.isFiltered ? new SnapshotRows(engine.openReader(range)) : new RowsAtOnce(engine, range);
  try {
    do await rows.next(page);
    while (!page.isFull && !page.sawLast);
    return page.isFull ? page.position : undefined;
  } finally {
    rows.close();
  }
}

/** Rows of one canister, all of one moment. */
interface RowSource {
  /** Hands the next ones to the page. */
  next(page: PageFilter): Promise<void>;
  close(): void;
}

/** What a page without a filter may take is read in one go, on a read thread, and ends the page or the canister. */
class RowsAtOnce implements RowSource {
  constructor(
    private readonly engine: StorageEngine,
    private readonly range: KeyRange,
  ) {}

  next(page: PageFilter): Promise<void> {
    return new Promise((resolve, reject) => {
      const take = (rows: PackedValues): void => {
        try {
          page.takePacked(rows);
          resolve();
        } catch (error) {
          reject(BigMapError.from(error));
        }
      };
      this.engine.readRows(this.range, page.wanted, { resolve: take, reject });
    });
  }

  close(): void {
    // Nothing is held.
  }
}

/** A filter may pass over more rows than should be in memory at once: read in steps, of a snapshot. */
class SnapshotRows implements RowSource {
  constructor(private readonly reader: SnapshotReader) {}

  async next(page: PageFilter): Promise<void> {
    page.take(await this.reader.next(page.wanted));
  }

  close(): void {
    this.reader.close();
  }
}

/** Gathers the entries of one page. HOT. */
class PageFilter {
  /** The page must end with the row that was taken last. */
  isFull = false;
  /** The range that was read last has no more rows. */
  sawLast = false;
  /** Where the row that was taken last stands; only where the page is full. */
  position = scanStart;
  readonly isFiltered: boolean;
  readonly #entries = new ScanPageBuilder();
  #readBytes = 0;
  readonly #readMaxBytes: number;
  readonly #request: ScanPageRequest;
  readonly #maxEntries: number;

  constructor(request: ScanPageRequest) {
    if (!Number.isInteger(request.maxEntries) || request.maxEntries < 1) {
      throw new BigMapError("INVALID_ARGUMENT", "A scan page has at least one entry");
    }
    this.#request = request;
    this.#maxEntries = Math.min(request.maxEntries, limits.scanPageMaxEntries);
    this.isFiltered = request.prefix.length > 0;
    this.#readMaxBytes = this.isFiltered ? limits.scanReadMaxBytes : limits.scanPageMaxBytes;
  }

  /** What to read next, for a page that is not full. Without a filter no more rows than entries are of use. */
  get wanted(): ReadRangeOptions {
    if (this.isFiltered) return { maxRows: limits.scanPageMaxEntries, maxBytes: limits.scanPageMaxBytes };
    return { maxRows: this.#maxEntries - this.#entries.count, maxBytes: this.#readMaxBytes - this.#readBytes };
  }

  /** Takes rows until the page is full: all that were wanted, and so the last of their range, or the last of the page. */
  takePacked(rows: PackedValues): void {
    const { bytes } = rows;
    let keyStart = 0;
    let keyEnd = 0;
    while (rows.next()) {
      keyStart = rows.start;
      keyEnd = rows.end;
      rows.next();
      this.#takeRow(bytes, keyStart, keyEnd, bytes, rows.start, rows.end);
    }
    this.sawLast = rows.isLast;
    this.isFull ||= !rows.isLast;
    if (this.isFull) this.#endWith(bytes.subarray(keyStart, keyEnd));
  }

  /** Takes rows until the page is full. */
  take({ keys, values, finished }: RowPage): void {
    let row = 0;
    for (; row < keys.length && !this.isFull; row++) {
      const key = asBuffer(keys[row] as Uint8Array);
      const value = asBuffer(values[row] as Uint8Array);
      this.#takeRow(key, 0, key.length, value, 0, value.length);
    }
    this.sawLast = finished;
    if (this.isFull) this.#endWith(asBuffer(keys[row - 1] as Uint8Array));
  }

  build(cursor: Uint8Array | undefined): ScanPage {
    return this.#entries.build(cursor);
  }

  #takeRow(key: Buffer, keyStart: number, keyEnd: number, value: Buffer, valueStart: number, valueEnd: number): void {
    const { prefix, keysOnly } = this.#request;
    this.#readBytes += keyEnd - keyStart + valueEnd - valueStart;
    if (startsWithBytes(key, prefix, keyStart + entryKeyPrefixBytes, keyEnd)) {
      assertEntryHeader(value, valueStart, valueEnd - valueStart);
      const version = versionOfEntryValue(value, valueStart);
      const shownStart = keysOnly ? valueEnd : valueStart + entryHeaderBytes;
      this.#entries.addSlices(key, keyStart + entryKeyPrefixBytes, keyEnd, value, shownStart, valueEnd, version);
    }
    this.isFull =
      this.#entries.count >= this.#maxEntries ||
      this.#entries.sizeBytes >= limits.scanPageMaxBytes ||
      this.#readBytes >= this.#readMaxBytes;
  }

  /** Copies: the memory of the key is the engine's. */
  #endWith(storedKey: Buffer): void {
    const own = Buffer.from(storedKey);
    this.position = { token: tokenOfEntryKey(own), key: keyOfEntryKey(own) };
  }
}

function rowsFrom(mapId: number, from: ScanPlace): KeyRange {
  const range = entryKeyRange(mapId, { start: from.position.token, end: from.range.end });
  if (from.position.key.length === 0) return range;
  return { start: keyAfter(encodeEntryKey(mapId, from.position.token, from.position.key)), end: range.end };
}

function cursorAfter(mapId: number, prefix: Uint8Array, end: Token): Uint8Array | undefined {
  if (end.high === tokenSpaceEnd.high) return undefined;
  return encodeCursor(mapId, prefix, { token: end, key: emptyBytes });
}
