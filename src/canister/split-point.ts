import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { MapId } from "../base/ids.js";
import { canCutAt, cutRange, formatRange, type HashRange } from "../ring/hash-range.js";
import { compareTokens, formatToken, type Token } from "../ring/token.js";
import { entryHeaderBytes, entryKeyPrefixBytes, entryKeyRange, tokenOfEntryKey } from "../storage/key-layout.js";
import type { KeyRange, SnapshotReader } from "../storage/storage-engine.js";
import { asBuffer } from "../base/bytes.js";
import type { Accounting, Amount } from "./accounting.js";

/** Where a canister is cut, with the exact accounting of both halves. */
export interface SplitPoint {
  readonly cut: Token;
  readonly left: Accounting;
  readonly right: Accounting;
}

/** What is read to find a cut: a storage engine, or one that must come to rest first. */
export interface ReadableStore {
  openReader(range: KeyRange): SnapshotReader | Promise<SnapshotReader>;
}

/** A cut on the grid is good enough when the smaller side holds this part of the bytes. */
const goodShare = 0.25;
const nothing: Amount = { entries: 0, bytes: 0 };

/**
 * Finds the cut that halves the bytes. A cut between two cells of the histogram needs no reading; where none is good
 * enough the one cell in the middle is read. The canister must be frozen and drained, so that what is read is what was counted.
 * Errors: CANISTER_UNSPLITTABLE where all bytes sit on one token.
 */
export async function findSplitPoint(store: ReadableStore, mapId: MapId, accounting: Accounting): Promise<SplitPoint> {
  const middle = middleCell(accounting);
  const onGrid = bestOf(
    accounting,
    [middle, middle + 1].map((cell) => accounting.startOfCell(cell)),
  );
  if (onGrid !== undefined && smallerShare(onGrid) >= goodShare) return onGrid;
  const inCell = await findInCell(store, mapId, accounting, middle);
  const best = [onGrid, inCell].filter((point) => point !== undefined).sort((a, b) => smallerShare(b) - smallerShare(a))[0];
  if (best === undefined || smallerShare(best) === 0) {
    throw new BigMapError("CANISTER_UNSPLITTABLE", `No cut of ${formatRange(accounting.range)} has entries on both sides`);
  }
  return best;
}

/**
 * The split point at a given token. The canister must be frozen and drained. Errors: INVALID_ARGUMENT where the token does not
 * cut the range.
 */
export async function splitPointAt(store: ReadableStore, mapId: MapId, accounting: Accounting, cut: Token): Promise<SplitPoint> {
  if (!canCutAt(accounting.range, cut)) {
    throw new BigMapError("INVALID_ARGUMENT", `Token ${formatToken(cut)} does not cut ${formatRange(accounting.range)} in two`);
  }
  if (accounting.isOnGrid(cut)) return splitAt(accounting, cut, nothing);
  let leftOfCut = nothing;
  const cell = accounting.rangeOfCell(accounting.cellOfToken(cut));
  await readAmounts(store, mapId, { start: cell.start, end: cut }, (_, bytes) => {
    leftOfCut = { entries: leftOfCut.entries + 1, bytes: leftOfCut.bytes + bytes };
  });
  return splitAt(accounting, cut, leftOfCut);
}

/** The token of the range's first entry; undefined where the range is empty. */
export async function firstTokenOf(store: ReadableStore, mapId: MapId, range: HashRange): Promise<Token | undefined> {
  const reader = await store.openReader(entryKeyRange(mapId, range));
  try {
    const { keys } = await reader.next({ maxRows: 1, maxBytes: 1 });
    return keys[0] === undefined ? undefined : tokenOfEntryKey(asBuffer(keys[0]));
  } finally {
    reader.close();
  }
}

function splitAt(accounting: Accounting, cut: Token, leftOfCut: Amount): SplitPoint {
  const [leftRange, rightRange] = cutRange(accounting.range, cut);
  const cell = accounting.amountOfCell(accounting.cellOfToken(cut));
  const rightOfCut = { entries: cell.entries - leftOfCut.entries, bytes: cell.bytes - leftOfCut.bytes };
  return { cut, left: accounting.cutTo(leftRange, leftOfCut), right: accounting.cutTo(rightRange, rightOfCut) };
}

/** The cell in which the running sum of bytes passes the half. */
function middleCell(accounting: Accounting): number {
  let sum = 0;
  for (let cell = 0; cell < accounting.cells; cell++) {
    sum += accounting.amountOfCell(cell).bytes;
    if (sum * 2 >= accounting.bytes) return cell;
  }
  return accounting.cells - 1;
}

function bestOf(accounting: Accounting, cuts: readonly Token[]): SplitPoint | undefined {
  const points = cuts.filter((cut) => canCutAt(accounting.range, cut)).map((cut) => splitAt(accounting, cut, nothing));
  return points.sort((a, b) => smallerShare(b) - smallerShare(a))[0];
}

function smallerShare(point: SplitPoint): number {
  const { left, right } = point;
  if (left.entries === 0 || right.entries === 0) return 0;
  return Math.min(left.bytes, right.bytes) / (left.bytes + right.bytes);
}

/** Reads one cell and cuts before the token with which the sum of bytes comes nearest to the half. */
async function findInCell(store: ReadableStore, mapId: MapId, accounting: Accounting, cell: number): Promise<SplitPoint | undefined> {
  let before = 0;
  for (let i = 0; i < cell; i++) before += accounting.amountOfCell(i).bytes;
  const half = accounting.bytes / 2 - before;
  let sum: { entries: number; bytes: number } = { entries: 0, bytes: 0 };
  let previous: Token | undefined;
  let best: { cut: Token; left: Amount } | undefined;
  await readAmounts(store, mapId, accounting.rangeOfCell(cell), (token, bytes) => {
    if (previous !== undefined && compareTokens(previous, token) !== 0) {
      if (best === undefined || Math.abs(sum.bytes - half) < Math.abs(best.left.bytes - half)) best = { cut: token, left: sum };
    }
    previous = token;
    sum = { entries: sum.entries + 1, bytes: sum.bytes + bytes };
  });
  return best === undefined ? undefined : splitAt(accounting, best.cut, best.left);
}

async function readAmounts(
  store: ReadableStore,
  mapId: MapId,
  range: HashRange,
  visit: (token: Token, bytes: number) => void,
): Promise<void> {
  await visitAmounts(await store.openReader(entryKeyRange(mapId, range)), visit);
}

/** Calls back for every stored entry that the reader has left, in order, with what it counts; closes the reader. */
export async function visitAmounts(reader: SnapshotReader, visit: (token: Token, bytes: number) => void): Promise<void> {
  try {
    for (let finished = false; !finished;) {
      const page = await reader.next({ maxRows: limits.scanPageMaxEntries, maxBytes: limits.scanReadMaxBytes });
      for (let i = 0; i < page.keys.length; i++) {
        const key = asBuffer(page.keys[i] as Uint8Array);
        visit(tokenOfEntryKey(key), storedEntryBytes(key.length, (page.values[i] as Uint8Array).length));
      }
      finished = page.finished;
    }
  } finally {
    reader.close();
  }
}

/** What a stored row counts in the accounting. */
export function storedEntryBytes(storedKeyBytes: number, storedValueBytes: number): number {
  return storedKeyBytes - entryKeyPrefixBytes + storedValueBytes - entryHeaderBytes + limits.entryOverheadBytes;
}
