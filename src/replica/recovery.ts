import { asBuffer } from "../base/bytes.js";
import type { CanisterId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import { Accounting } from "../canister/accounting.js";
import { decodeCanisterRow, decodeDeltaRow, type CanisterRow } from "../canister/accounting-rows.js";
import { splitPointAt } from "../canister/split-point.js";
import { entryKeyRange, systemKeyRange, systemKind } from "../storage/key-layout.js";
import type { KeyRange, StorageEngine } from "../storage/storage-engine.js";
import { BigMapError } from "../base/errors.js";
import { equalRanges, type HashRange } from "../ring/hash-range.js";
import type { CanisterRecord } from "../meta/records.js";

/** What the storage knows about the canisters, as of the last durable commit. */
export interface RecoveredStates {
  readonly canisters: Map<CanisterId, CanisterRow>;
  /** The highest commit number that is stored; 0 in an empty folder. */
  readonly lastCommitNumber: number;
  /** The lowest number of a delta row that no checkpoint has folded. */
  readonly firstDeltaNumber: number;
}

export const noStates: RecoveredStates = { canisters: new Map(), lastCommitNumber: 0, firstDeltaNumber: 1 };

/** Reads the canister rows and folds the delta rows into them. Errors: STORAGE_CORRUPT, DATA_DIR_NEWER. */
export async function recoverStates(engine: StorageEngine): Promise<RecoveredStates> {
  const canisters = new Map<CanisterId, CanisterRow>();
  let lastCommitNumber = 0;
  let firstDeltaNumber: number | undefined;
  await readRows(engine, systemKeyRange(systemKind.canister), (number, value) => {
    const row = decodeCanisterRow(value);
    canisters.set(number, row);
    lastCommitNumber = Math.max(lastCommitNumber, row.commitNumber);
  });
  await readRows(engine, systemKeyRange(systemKind.delta), (number, value) => {
    lastCommitNumber = Math.max(lastCommitNumber, number);
    firstDeltaNumber ??= number;
    for (const delta of decodeDeltaRow(value)) {
      const row = canisters.get(delta.canisterId);
      // A canister without a row was deleted; a row that is newer has the change in it.
      if (row === undefined || row.commitNumber >= number) continue;
      for (const { cell, entries, bytes } of delta.cells) row.accounting.addToCell(cell, entries, bytes);
      canisters.set(delta.canisterId, { ...row, sequence: delta.sequence });
    }
  });
  return { canisters, lastCommitNumber, firstDeltaNumber: firstDeltaNumber ?? lastCommitNumber + 1 };
}

/**
 * The state of a canister whose record says `record.range`. A split that was committed in the meta store and not yet noted in
 * the rows is done here: the parent's row still covers both halves, and nothing was written since.
 */
export async function stateOf(engine: StorageEngine, record: CanisterRecord, states: RecoveredStates): Promise<CanisterRow> {
  const own = states.canisters.get(record.canisterId);
  const source = own ?? (record.origin === undefined ? undefined : states.canisters.get(record.origin.parentId));
  if (source === undefined) {
    return { mapId: record.mapId, clearing: false, commitNumber: 0, sequence: 0, accounting: new Accounting(record.range) };
  }
  if (equalRanges(source.accounting.range, record.range)) return source;
  return { ...source, accounting: await cutOut(engine, record, source.accounting) };
}

/** The part of an accounting that a range inside of it holds. */
async function cutOut(engine: StorageEngine, record: CanisterRecord, accounting: Accounting): Promise<Accounting> {
  const { start, end } = record.range;
  let part = accounting;
  if (!isSameStart(part.range, start)) part = (await splitPointAt(engine, record.mapId, part, start)).right;
  if (!isSameEnd(part.range, end)) part = (await splitPointAt(engine, record.mapId, part, end)).left;
  return part;
}

/** Finishes a clear that was interrupted after its marker became durable. */
export async function finishClear(engine: StorageEngine, record: CanisterRecord): Promise<void> {
  await engine.deleteRange(entryKeyRange(record.mapId, record.range));
}

async function readRows(engine: StorageEngine, range: KeyRange, visit: (number: number, value: Uint8Array) => void): Promise<void> {
  const reader = engine.openReader(range);
  try {
    for (let finished = false; !finished;) {
      const page = await reader.next({ maxRows: limits.scanPageMaxEntries, maxBytes: limits.scanReadMaxBytes });
      page.keys.forEach((key, i) => visit(numberOfKey(asBuffer(key)), page.values[i] as Uint8Array));
      finished = page.finished;
    }
  } finally {
    reader.close();
  }
}

/** The u48 at the end of a canister or delta key. */
function numberOfKey(key: Buffer): number {
  if (key.length !== 11) throw new BigMapError("STORAGE_CORRUPT", `A system key has ${key.length} B`);
  return key.readUIntBE(5, 6);
}

function isSameStart(range: HashRange, start: HashRange["start"]): boolean {
  return range.start.high === start.high && range.start.low === start.low;
}

function isSameEnd(range: HashRange, end: HashRange["end"]): boolean {
  return range.end.high === end.high && range.end.low === end.low;
}
