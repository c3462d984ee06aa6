import { compareBytes } from "../base/bytes.js";

/** Rows in key order; never longer than `leafMaxRows`. Changed in place only by the generation that made it. */
interface Leaf {
  readonly generation: number;
  readonly keys: Uint8Array[];
  readonly values: Uint8Array[];
}

/** All rows as they were at one moment. Immutable. */
export type RowsView = readonly Leaf[];

/** Where a reader stands in a view. */
export interface RowPosition {
  readonly leaf: number;
  readonly row: number;
}

export interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const leafMaxRows = 128;

/**
 * A sorted map of byte strings: a list of leaves, searched twice by halves. A view costs nothing when it is taken; a
 * leaf that some view still shows is copied when it is next changed. Good for some 10^5 rows.
 */
export class MemoryRows {
  #leaves: Leaf[];
  #generation = 0;
  /** Whether a view may hold the list itself. */
  #listShared = true;

  constructor(view: RowsView = []) {
    this.#leaves = view as Leaf[];
    for (const leaf of view) this.#generation = Math.max(this.#generation, leaf.generation + 1);
  }

  view(): RowsView {
    this.#generation++;
    this.#listShared = true;
    return this.#leaves;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return rowAt(this.#leaves, seekRow(this.#leaves, key), key)?.value;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#ownList();
    if (this.#leaves.length === 0) {
      this.#leaves.push({ generation: this.#generation, keys: [key], values: [value] });
      return;
    }
    const index = Math.max(0, leafIndexOf(this.#leaves, key));
    const leaf = this.#ownLeaf(index);
    const row = lowerBound(leaf.keys, key);
    const replaced = isKeyAt(leaf, row, key) ? 1 : 0;
    leaf.keys.splice(row, replaced, key);
    leaf.values.splice(row, replaced, value);
    if (leaf.keys.length > leafMaxRows) this.#halve(index);
  }

  delete(key: Uint8Array): void {
    const position = seekRow(this.#leaves, key);
    if (rowAt(this.#leaves, position, key) === undefined) return;
    this.#ownList();
    const leaf = this.#ownLeaf(position.leaf);
    leaf.keys.splice(position.row, 1);
    leaf.values.splice(position.row, 1);
    if (leaf.keys.length === 0) this.#leaves.splice(position.leaf, 1);
  }

  #ownList(): void {
    if (!this.#listShared) return;
    this.#leaves = this.#leaves.slice();
    this.#listShared = false;
  }

  #ownLeaf(index: number): Leaf {
    const leaf = this.#leaves[index] as Leaf;
    if (leaf.generation === this.#generation) return leaf;
    const own: Leaf = { generation: this.#generation, keys: leaf.keys.slice(), values: leaf.values.slice() };
    this.#leaves[index] = own;
    return own;
  }

  #halve(index: number): void {
    const leaf = this.#leaves[index] as Leaf;
    const middle = leaf.keys.length >>> 1;
    const right: Leaf = { generation: this.#generation, keys: leaf.keys.splice(middle), values: leaf.values.splice(middle) };
    this.#leaves.splice(index + 1, 0, right);
  }
}

/** The first row whose key is `key` or comes after it. */
export function seekRow(view: RowsView, key: Uint8Array): RowPosition {
  const index = leafIndexOf(view, key);
  const leaf = view[index];
  return leaf === undefined ? { leaf: 0, row: 0 } : { leaf: index, row: lowerBound(leaf.keys, key) };
}

/** Rows from `position` up to the key `end` (exclusive). */
export function* rowsFrom(view: RowsView, position: RowPosition, end: Uint8Array): Generator<Row, void> {
  let row = position.row;
  for (let index = position.leaf; index < view.length; index++, row = 0) {
    const { keys, values } = view[index] as Leaf;
    for (; row < keys.length; row++) {
      const key = keys[row] as Uint8Array;
      if (compareBytes(key, end) >= 0) return;
      yield { key, value: values[row] as Uint8Array };
    }
  }
}

function rowAt(view: RowsView, { leaf: index, row }: RowPosition, key: Uint8Array): Row | undefined {
  const leaf = view[index];
  return leaf !== undefined && isKeyAt(leaf, row, key) ? { key, value: leaf.values[row] as Uint8Array } : undefined;
}

function isKeyAt(leaf: Leaf, row: number, key: Uint8Array): boolean {
  const found = leaf.keys[row];
  return found !== undefined && compareBytes(found, key) === 0;
}

/** The last leaf whose first key is not after `key`; -1 where there is none. */
function leafIndexOf(view: RowsView, key: Uint8Array): number {
  let low = 0;
  let high = view.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes((view[middle] as Leaf).keys[0] as Uint8Array, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Index of the first key that is not before `key`. */
function lowerBound(keys: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(keys[middle] as Uint8Array, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
