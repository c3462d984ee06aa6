import { asBuffer, emptyBytes, startsWithBytes } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { ScanPageRequest } from "../base/map-backend.js";
import { ScanPageBuilder, type ScanPage } from "../base/scan-page.js";
import { decodeCursor, encodeCursor, type ScanPosition } from "../canister/scan-cursor.js";
import { tokenSpaceEnd, tokenSpaceStart, type HashRange } from "../ring/hash-range.js";
import type { Token } from "../ring/token.js";
import {
  assertEntryValue,
  encodeEntryKey,
  entryHeaderBytes,
  entryKeyPrefixBytes,
  entryKeyRange,
  keyOfEntryKey,
  tokenOfEntryKey,
  versionOfEntryValue,
} from "../storage/key-layout.js";
import type { KeyRange, RowPage, StorageEngine } from "../storage/storage-engine.js";
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
  const reader = engine.openReader(rowsFrom(mapId, from));
  try {
    for (;;) {
      const rows = await reader.next({ maxRows: page.rowsWanted, maxBytes: limits.scanPageMaxBytes });
      const last = page.take(rows);
      if (last !== undefined || rows.finished) return last;
    }
  } finally {
    reader.close();
  }
}

/** Gathers the entries of one page. */
class PageFilter {
  readonly #entries = new ScanPageBuilder();
  #readBytes = 0;
  readonly #maxEntries: number;

  constructor(private readonly request: ScanPageRequest) {
    if (!Number.isInteger(request.maxEntries) || request.maxEntries < 1) {
      throw new BigMapError("INVALID_ARGUMENT", "A scan page has at least one entry");
    }
    this.#maxEntries = Math.min(request.maxEntries, limits.scanPageMaxEntries);
  }

  /** Without a filter no more rows than entries are of use. */
  get rowsWanted(): number {
    return this.request.prefix.length === 0 ? this.#maxEntries - this.#entries.count : limits.scanPageMaxEntries;
  }

  /** Returns where to resume when the page is full. */
  take(rows: RowPage): ScanPosition | undefined {
    for (let i = 0; i < rows.keys.length; i++) {
      const stored = asBuffer(rows.keys[i] as Uint8Array);
      const value = asBuffer(rows.values[i] as Uint8Array);
      this.#takeRow(stored, value);
      const isFull =
        this.#entries.count >= this.#maxEntries ||
        this.#entries.sizeBytes >= limits.scanPageMaxBytes ||
        this.#readBytes >= limits.scanReadMaxBytes;
      if (isFull) return { token: tokenOfEntryKey(stored), key: keyOfEntryKey(stored) };
    }
    return undefined;
  }

  #takeRow(stored: Buffer, value: Buffer): void {
    this.#readBytes += stored.length + value.length;
    if (!startsWithBytes(stored, this.request.prefix, entryKeyPrefixBytes)) return;
    assertEntryValue(value);
    const valueStart = this.request.keysOnly ? value.length : entryHeaderBytes;
    this.#entries.addSlices(stored, entryKeyPrefixBytes, stored.length, value, valueStart, value.length, versionOfEntryValue(value));
  }

  build(cursor: Uint8Array | undefined): ScanPage {
    return this.#entries.build(cursor);
  }
}

function rowsFrom(mapId: number, from: ScanPlace): KeyRange {
  const range = entryKeyRange(mapId, { start: from.position.token, end: from.range.end });
  if (from.position.key.length === 0) return range;
  // The smallest key after the one where the page before ended.
  return { start: Buffer.concat([encodeEntryKey(mapId, from.position.token, from.position.key), Buffer.alloc(1)]), end: range.end };
}

function cursorAfter(mapId: number, prefix: Uint8Array, end: Token): Uint8Array | undefined {
  if (end.high === tokenSpaceEnd.high) return undefined;
  return encodeCursor(mapId, prefix, { token: end, key: emptyBytes });
}
