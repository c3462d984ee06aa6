import { assert } from "../base/errors.js";
import { rangeShare, tokenSpaceEnd, type HashRange } from "../ring/hash-range.js";
import type { Token } from "../ring/token.js";

/** Entries and bytes of a set of entries. Bytes = key + value + limits.entryOverheadBytes for each. */
export interface Amount {
  readonly entries: number;
  readonly bytes: number;
}

/** A fresh histogram has at most this many cells (one more where the range does not lie on the grid). */
const cellsMost = 256;
/** With fewer cells a split point on the grid may be far from the half of the bytes. */
const cellsFewest = 16;
/** Places of a cell's numbers, and how many they are. */
const entriesPlace = 0;
const bytesPlace = 1;
const changedEntriesPlace = 2;
const changedBytesPlace = 3;
const nextChangedPlace = 4;
const cellNumbers = 5;

/** What all empty canisters share. */
const nothingCounted = new Float64Array(0);

/**
 * Exact entries and bytes of one canister, and a histogram of them over cells of equal token width, which serves to find
 * the split point by bytes. The grid is absolute: cell = token >>> (64 - depth), depth <= 32, so both halves of a cut
 * range keep their cells and a cut on the grid needs no counting. HOT: `add`.
 *
 * Changes since the last `takeChanges` are kept aside: they are what one commit writes down. All cells are in one array:
 * with thousands of canisters nearly every update meets one that no processor cache has, and pays for each array it looks into.
 *
 *     cell, five numbers: entries | bytes | changed entries | changed bytes | next changed cell + 1, 0: unchanged, -1: the last one
 */
export class Accounting {
  /** Made with the first entry, as it is 10 KiB. */
  #cells = nothingCounted;
  entries = 0;
  bytes = 0;
  readonly #firstCell: number;
  /** Values of a token's high half that fall into one cell. */
  readonly #cellWidth: number;
  /** The changed cells are a chain, in the order in which they changed first; -1: there are none. */
  #firstChanged = -1;
  #lastChanged = -1;
  #changedCells = 0;
  readonly range: HashRange;
  /** Cells are 2^(64 - depth) tokens wide. */
  readonly depth: number;
  readonly cells: number;

  constructor(range: HashRange, depth = freshDepth(range)) {
    this.range = range;
    this.depth = depth;
    this.#firstCell = cellOf(range.start.high, depth);
    this.#cellWidth = 2 ** (32 - depth);
    this.cells = lastCell(range, depth) - this.#firstCell + 1;
  }

  /** Splits have left so few cells that a histogram made anew would serve better. */
  get isCoarse(): boolean {
    return this.cells < cellsFewest && this.depth < freshDepth(this.range);
  }

  /** Counts a change of entries and bytes at a token of the range. */
  add(tokenHigh: number, entries: number, bytes: number): void {
    const cell = Math.floor(tokenHigh / this.#cellWidth) - this.#firstCell;
    this.addToCell(cell, entries, bytes);
    const cells = this.#cells;
    const place = cell * cellNumbers;
    if (cells[place + nextChangedPlace] === 0) this.#chain(cell);
    cells[place + changedEntriesPlace] = (cells[place + changedEntriesPlace] as number) + entries;
    cells[place + changedBytesPlace] = (cells[place + changedBytesPlace] as number) + bytes;
  }

  /** The number of entries in the token's cell: reading it brings the cell into the processor's cache. */
  entriesNear(tokenHigh: number): number {
    return this.entriesOfCell(Math.floor(tokenHigh / this.#cellWidth) - this.#firstCell);
  }

  /** Counts without remembering the change: for recovery. */
  addToCell(cell: number, entries: number, bytes: number): void {
    assert(cell >= 0 && cell < this.cells, "the cell is one of this canister");
    if (this.#cells.length === 0) this.#cells = new Float64Array(this.cells * cellNumbers);
    this.entries += entries;
    this.bytes += bytes;
    const cells = this.#cells;
    const place = cell * cellNumbers;
    cells[place + entriesPlace] = (cells[place + entriesPlace] as number) + entries;
    cells[place + bytesPlace] = (cells[place + bytesPlace] as number) + bytes;
  }

  #chain(cell: number): void {
    const cells = this.#cells;
    if (this.#firstChanged < 0) this.#firstChanged = cell;
    else cells[this.#lastChanged * cellNumbers + nextChangedPlace] = cell + 1;
    cells[cell * cellNumbers + nextChangedPlace] = -1;
    this.#lastChanged = cell;
    this.#changedCells++;
  }

  /** Calls back for every changed cell since the last time, then forgets the changes. */
  takeChanges(visit: (cell: number, entries: number, bytes: number) => void): void {
    const cells = this.#cells;
    let cell = this.#firstChanged;
    this.#firstChanged = -1;
    this.#changedCells = 0;
    while (cell >= 0) {
      const place = cell * cellNumbers;
      visit(cell, cells[place + changedEntriesPlace] as number, cells[place + changedBytesPlace] as number);
      const next = cells[place + nextChangedPlace] as number;
      cells[place + changedEntriesPlace] = cells[place + changedBytesPlace] = cells[place + nextChangedPlace] = 0;
      cell = next < 0 ? -1 : next - 1;
    }
  }

  entriesOfCell(cell: number): number {
    return this.#cells.length === 0 ? 0 : (this.#cells[cell * cellNumbers + entriesPlace] as number);
  }

  bytesOfCell(cell: number): number {
    return this.#cells.length === 0 ? 0 : (this.#cells[cell * cellNumbers + bytesPlace] as number);
  }

  /** Cells that have changed since the last `takeChanges`. */
  get changedCellCount(): number {
    return this.#changedCells;
  }

  amountOfCell(cell: number): Amount {
    return { entries: this.entriesOfCell(cell), bytes: this.bytesOfCell(cell) };
  }

  cellOfToken(token: Token): number {
    return cellOf(token.high, this.depth) - this.#firstCell;
  }

  /** First token of a cell, not before the range's own start. */
  startOfCell(cell: number): Token {
    if (cell <= 0) return this.range.start;
    const grid = (this.#firstCell + cell) * 2 ** (32 - this.depth);
    return { high: grid, low: 0 };
  }

  /** Tokens of a cell, within the range. */
  rangeOfCell(cell: number): HashRange {
    return { start: this.startOfCell(cell), end: cell + 1 < this.cells ? this.startOfCell(cell + 1) : this.range.end };
  }

  /** Whether a cut at this token falls between two cells. */
  isOnGrid(token: Token): boolean {
    const start = this.startOfCell(this.cellOfToken(token));
    return start.high === token.high && start.low === token.low;
  }

  /**
   * The accounting of one side of a cut. `straddling` is what the cell that contains the cut holds on this side.
   */
  cutTo(side: HashRange, straddling: Amount): Accounting {
    const part = new Accounting(side, this.depth);
    for (let cell = 0; cell < part.cells; cell++) {
      const own = cell + part.#firstCell - this.#firstCell;
      const whole = sameRange(part.rangeOfCell(cell), this.rangeOfCell(own));
      const amount = whole ? this.amountOfCell(own) : straddling;
      if (amount.entries !== 0 || amount.bytes !== 0) part.addToCell(cell, amount.entries, amount.bytes);
    }
    return part;
  }
}

function freshDepth(range: HashRange): number {
  return Math.max(0, Math.min(32, Math.floor(Math.log2(cellsMost / rangeShare(range)))));
}

/** `token >>> (64 - depth)`; a shift by 32 is no shift in JavaScript, hence the division. */
function cellOf(tokenHigh: number, depth: number): number {
  return Math.floor(tokenHigh / 2 ** (32 - depth));
}

function lastCell(range: HashRange, depth: number): number {
  if (range.end.low > 0) return cellOf(range.end.high, depth);
  if (range.end.high === tokenSpaceEnd.high) return 2 ** depth - 1;
  return cellOf(range.end.high - 1, depth);
}

function sameRange(left: HashRange, right: HashRange): boolean {
  return (
    left.start.high === right.start.high &&
    left.start.low === right.start.low &&
    left.end.high === right.end.high &&
    left.end.low === right.end.low
  );
}
