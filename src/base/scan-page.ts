import { giveBytes, takeBytes } from "./byte-pool.js";
import { copyBytes, emptyBytes } from "./bytes.js";

/** Entries of a scan, in ring order, as packed columns: no object for an entry. */
export interface ScanPage {
  readonly count: number;
  readonly keys: Uint8Array;
  /** Entry i's key is `keys[keyOffsets[i] .. keyOffsets[i + 1])`; so many and one more. */
  readonly keyOffsets: Uint32Array;
  readonly values: Uint8Array;
  readonly valueOffsets: Uint32Array;
  readonly versions: Float64Array;
  /** Where to resume; undefined after the last page. A page may be empty and still have a cursor. */
  readonly cursor: Uint8Array | undefined;
}

/** A view into the page. */
export function keyAt({ keys, keyOffsets }: ScanPage, entry: number): Uint8Array {
  return keys.subarray(keyOffsets[entry], keyOffsets[entry + 1]);
}

/** A view into the page; empty in a scan of keys only. */
export function valueAt({ values, valueOffsets }: ScanPage, entry: number): Uint8Array {
  const start = valueOffsets[entry] as number;
  const end = valueOffsets[entry + 1] as number;
  return start === end ? emptyBytes : values.subarray(start, end);
}

export function withoutValues(page: ScanPage): ScanPage {
  return page.values.length === 0 ? page : { ...page, values: emptyBytes, valueOffsets: new Uint32Array(page.count + 1) };
}

const firstEntries = 128;
const firstKeyBytes = 4 * 1024;
const firstValueBytes = 16 * 1024;

/** Copies entries into a page, whose keys and values are of the byte pool: whoever needs it no more may give them back. HOT. */
export class ScanPageBuilder {
  count = 0;
  #keys = takeBytes(firstKeyBytes);
  #values = takeBytes(firstValueBytes);
  #keyOffsets = new Uint32Array(firstEntries + 1);
  #valueOffsets = new Uint32Array(firstEntries + 1);
  #versions = new Float64Array(firstEntries);
  #keysEnd = 0;
  #valuesEnd = 0;

  /** Keys and values together. */
  get sizeBytes(): number {
    return this.#keysEnd + this.#valuesEnd;
  }

  add(key: Uint8Array, value: Uint8Array, version: number): void {
    this.addSlices(key, 0, key.length, value, 0, value.length, version);
  }

  /** The key is `source[keyStart .. keyEnd)`, the value a slice of `valueSource`, which may be the same. */
  addSlices(
    source: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueSource: Uint8Array,
    valueStart: number,
    valueEnd: number,
    version: number,
  ): void {
    const keysEnd = this.#keysEnd + keyEnd - keyStart;
    const valuesEnd = this.#valuesEnd + valueEnd - valueStart;
    if (this.count === this.#versions.length) this.#growColumns();
    if (keysEnd > this.#keys.length) this.#keys = grown(this.#keys, this.#keysEnd, keysEnd);
    if (valuesEnd > this.#values.length) this.#values = grown(this.#values, this.#valuesEnd, valuesEnd);
    copyBytes(source, keyStart, keyEnd, this.#keys, this.#keysEnd);
    copyBytes(valueSource, valueStart, valueEnd, this.#values, this.#valuesEnd);
    this.#versions[this.count++] = version;
    this.#keyOffsets[this.count] = this.#keysEnd = keysEnd;
    this.#valueOffsets[this.count] = this.#valuesEnd = valuesEnd;
  }

  build(cursor: Uint8Array | undefined): ScanPage {
    return {
      count: this.count,
      keys: this.#keys.subarray(0, this.#keysEnd),
      keyOffsets: this.#keyOffsets.subarray(0, this.count + 1),
      values: this.#values.subarray(0, this.#valuesEnd),
      valueOffsets: this.#valueOffsets.subarray(0, this.count + 1),
      versions: this.#versions.subarray(0, this.count),
      cursor,
    };
  }

  #growColumns(): void {
    const entries = 4 * this.#versions.length;
    const keyOffsets = new Uint32Array(entries + 1);
    const valueOffsets = new Uint32Array(entries + 1);
    const versions = new Float64Array(entries);
    keyOffsets.set(this.#keyOffsets);
    valueOffsets.set(this.#valueOffsets);
    versions.set(this.#versions);
    this.#keyOffsets = keyOffsets;
    this.#valueOffsets = valueOffsets;
    this.#versions = versions;
  }
}

function grown(column: Buffer<ArrayBuffer>, usedBytes: number, neededBytes: number): Buffer<ArrayBuffer> {
  const wider = takeBytes(Math.max(neededBytes, 2 * column.length));
  wider.set(column.subarray(0, usedBytes));
  giveBytes(column);
  return wider;
}
