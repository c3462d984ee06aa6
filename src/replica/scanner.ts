import { emptyBytes, startsWithBytes } from "../base/bytes.js";
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
import type { KeyRange, StorageEngine } from "../storage/storage-engine.js";
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
 * Reads one page, in ring order, from one canister or, where they hold little, from several that follow each other. The filter
 * by prefix runs here: a page that finds little stops after limits.scanReadMaxBytes and still moves the cursor.
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

/** Reads the rest of one canister into the page. Returns where to resume when the page is full. */
async function readCanister(engine: StorageEngine, mapId: number, from: ScanPlace, page: PageFilter): Promise<ScanPosition | undefined> {
  let range = rowsFrom(mapId, from);
  for (;;) {
    const lastKey = await readStep(engine, range, page);
    if (page.isFull) return { token: tokenOfEntryKey(lastKey), key: keyOfEntryKey(lastKey) };
    if (page.sawLast) return undefined;
    range = { start: keyAfter(lastKey), end: range.end };
  }
}

/** Reads the next rows into the page; the last stored key that it took. */
function readStep(engine: StorageEngine, range: KeyRange, page: PageFilter): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const take = (rows: PackedValues): void => {
      try {
        resolve(page.take(rows));
      } catch (error) {
        reject(BigMapError.from(error));
      }
    };
    engine.readRows(range, page.rowsWanted, { resolve: take, reject });
  });
}

/** Gathers the entries of one page. HOT. */
class PageFilter {
  /** The page must end with the row that was taken last. */
  isFull = false;
  /** The range that was read last has no more rows. */
  sawLast = false;
  readonly #entries = new ScanPageBuilder();
  #readBytes = 0;
  readonly #request: ScanPageRequest;
  readonly #maxEntries: number;

  constructor(request: ScanPageRequest) {
    if (!Number.isInteger(request.maxEntries) || request.maxEntries < 1) {
      throw new BigMapError("INVALID_ARGUMENT", "A scan page has at least one entry");
    }
    this.#request = request;
    this.#maxEntries = Math.min(request.maxEntries, limits.scanPageMaxEntries);
  }

  /** Without a filter no more rows than entries are of use. */
  get rowsWanted(): number {
    return this.#request.prefix.length === 0 ? this.#maxEntries - this.#entries.count : limits.scanPageMaxEntries;
  }

  /** Takes rows until the page is full. Returns a copy of the last stored key; empty where there were no rows. */
  take(rows: PackedValues): Buffer {
    const { bytes } = rows;
    let keyStart = 0;
    let keyEnd = 0;
    while (!this.isFull && rows.next()) {
      keyStart = rows.start;
      keyEnd = rows.end;
      rows.next();
      this.#takeRow(bytes, keyStart, keyEnd, rows.start, rows.end);
    }
    this.sawLast = rows.isLast;
    return Buffer.from(bytes.subarray(keyStart, keyEnd));
  }

  build(cursor: Uint8Array | undefined): ScanPage {
    return this.#entries.build(cursor);
  }

  #takeRow(bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const { prefix, keysOnly } = this.#request;
    this.#readBytes += keyEnd - keyStart + valueEnd - valueStart;
    if (startsWithBytes(bytes, prefix, keyStart + entryKeyPrefixBytes, keyEnd)) {
      assertEntryHeader(bytes, valueStart, valueEnd - valueStart);
      const version = versionOfEntryValue(bytes, valueStart);
      const shownStart = keysOnly ? valueEnd : valueStart + entryHeaderBytes;
      this.#entries.addSlices(bytes, keyStart + entryKeyPrefixBytes, keyEnd, bytes, shownStart, valueEnd, version);
    }
    this.isFull =
      this.#entries.count >= this.#maxEntries ||
      this.#entries.sizeBytes >= limits.scanPageMaxBytes ||
      this.#readBytes >= limits.scanReadMaxBytes;
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
