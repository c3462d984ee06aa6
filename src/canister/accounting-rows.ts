import { BigMapError } from "../base/errors.js";
import type { CanisterId, MapId } from "../base/ids.js";
import { PackedNumberReader, PackedNumberWriter } from "../base/packed-numbers.js";
import { murmur3 } from "../ring/token.js";
import { Accounting } from "./accounting.js";

/**
 * The stored accounting. Two kinds of rows (keys in storage/key-layout.ts), both: layout u8 | check u32 LE | varints.
 * `check` is murmur3 of the varints: a damaged row is an error, never a wrong count.
 *
 *     canister row   mapId | clearing 0/1 | commit number | sequence | start.high | start.low | end.high | end.low |
 *                    depth | cells | cells × (entries, bytes)
 *     delta row      canisters × (canisterId, sequence, cells, cells × (cell, ±entries, ±bytes))
 *
 * A canister's state is its row plus every delta row with a greater commit number. One delta row a commit, so that the
 * exact counts do not double the writes.
 */
const rowLayout = 1;
const rowHeaderBytes = 5;

/** A canister's state as of a commit. */
export interface CanisterRow {
  readonly mapId: MapId;
  /** The canister was cleared; deleting its entries may not have ended. */
  readonly clearing: boolean;
  readonly commitNumber: number;
  /** The number of the last update. */
  readonly sequence: number;
  readonly accounting: Accounting;
}

export function encodeCanisterRow(row: CanisterRow): Buffer {
  const writer = new PackedNumberWriter();
  const { range, depth, cells } = row.accounting;
  const head = [row.mapId, row.clearing ? 1 : 0, row.commitNumber, row.sequence];
  for (const number of [...head, range.start.high, range.start.low, range.end.high, range.end.low, depth, cells]) writer.unsigned(number);
  for (let cell = 0; cell < cells; cell++) {
    writer.unsigned(row.accounting.entriesOfCell(cell));
    writer.unsigned(row.accounting.bytesOfCell(cell));
  }
  return sealed(writer);
}

/** Errors: STORAGE_CORRUPT, DATA_DIR_NEWER. */
export function decodeCanisterRow(stored: Uint8Array): CanisterRow {
  const reader = opened(stored);
  const mapId = reader.unsigned();
  const clearing = reader.unsigned() === 1;
  const commitNumber = reader.unsigned();
  const sequence = reader.unsigned();
  const start = { high: reader.unsigned(), low: reader.unsigned() };
  const end = { high: reader.unsigned(), low: reader.unsigned() };
  const accounting = new Accounting({ start, end }, reader.unsigned());
  if (reader.unsigned() !== accounting.cells) throw new BigMapError("STORAGE_CORRUPT", "A canister row has the wrong number of cells");
  for (let cell = 0; cell < accounting.cells; cell++) {
    const entries = reader.unsigned();
    const bytes = reader.unsigned();
    if (entries !== 0 || bytes !== 0) accounting.addToCell(cell, entries, bytes);
  }
  return { mapId, clearing, commitNumber, sequence, accounting };
}

/** Collects what one commit changed, canister by canister. */
export class DeltaRowWriter {
  readonly #writer = new PackedNumberWriter();
  #canisters = 0;
  readonly #addCell = (cell: number, entries: number, bytes: number): void => {
    this.#writer.unsigned(cell);
    this.#writer.signed(entries);
    this.#writer.signed(bytes);
  };

  get isEmpty(): boolean {
    return this.#canisters === 0;
  }

  /** Takes the changes out of the accounting. */
  add(canisterId: CanisterId, sequence: number, accounting: Accounting): void {
    this.#canisters++;
    this.#writer.unsigned(canisterId);
    this.#writer.unsigned(sequence);
    this.#writer.unsigned(accounting.changedCellCount);
    accounting.takeChanges(this.#addCell);
  }

  finish(): Buffer {
    return sealed(this.#writer);
  }
}

export interface CanisterDelta {
  readonly canisterId: CanisterId;
  readonly sequence: number;
  readonly cells: readonly { readonly cell: number; readonly entries: number; readonly bytes: number }[];
}

/** Errors: STORAGE_CORRUPT, DATA_DIR_NEWER. */
export function decodeDeltaRow(stored: Uint8Array): CanisterDelta[] {
  const reader = opened(stored);
  const deltas: CanisterDelta[] = [];
  while (!reader.finished) {
    const canisterId = reader.unsigned();
    const sequence = reader.unsigned();
    const count = reader.unsigned();
    const cells: { cell: number; entries: number; bytes: number }[] = [];
    for (let i = 0; i < count; i++) cells.push({ cell: reader.unsigned(), entries: reader.signed(), bytes: reader.signed() });
    deltas.push({ canisterId, sequence, cells });
  }
  return deltas;
}

function sealed(writer: PackedNumberWriter): Buffer {
  const body = writer.finish();
  const row = Buffer.allocUnsafe(rowHeaderBytes + body.length);
  row[0] = rowLayout;
  row.writeUInt32LE(murmur3(body, 0, body.length, rowLayout), 1);
  row.set(body, rowHeaderBytes);
  return row;
}

function opened(stored: Uint8Array): PackedNumberReader {
  if (stored.length < rowHeaderBytes) throw new BigMapError("STORAGE_CORRUPT", "An accounting row is cut short");
  if (stored[0] !== rowLayout) throw new BigMapError("DATA_DIR_NEWER", `An accounting row has layout ${stored[0]}`);
  const check = Buffer.from(stored.buffer, stored.byteOffset, stored.length).readUInt32LE(1);
  if (check !== murmur3(stored, rowHeaderBytes, stored.length, rowLayout)) {
    throw new BigMapError("STORAGE_CORRUPT", "An accounting row is damaged");
  }
  return new PackedNumberReader(stored.subarray(rowHeaderBytes));
}
