/**
 * The values that a read found, in the order of its keys, as they cross from a read thread:
 *
 *     valueMaxBytes u32 LE | isLast u32 | items
 *     item, 8-byte aligned:  value bytes u32 LE (0xffffffff: absent) | 0 u32 | the first of these bytes, at most `valueMaxBytes`
 *
 * Of rows the keys and values come in turn, and `isLast` says whether the range ends with them. Aligned, because V8 copies to and from
 * shared memory word by word where it can, and else byte by byte. HOT.
 */
const headerBytes = 8;
const absentLength = 0xffffffff;

/** Asks for whole values: more bytes than one can have. */
export const wholeValues = absentLength;

export type Values = readonly (Uint8Array | undefined)[];

/** What `writePackedValues` will write. */
export function packedValuesBytes(values: Values, valueMaxBytes: number): number {
  let sizeBytes = headerBytes;
  for (const value of values) sizeBytes += itemBytes(value === undefined ? 0 : Math.min(value.length, valueMaxBytes));
  return sizeBytes;
}

/** Writes to `target` from `offset` on, which is a multiple of 8. */
export function writePackedValues(values: Values, valueMaxBytes: number, target: Buffer, offset: number, isLast = false): void {
  target.writeUInt32LE(valueMaxBytes, offset);
  target.writeUInt32LE(isLast ? 1 : 0, offset + 4);
  offset += headerBytes;
  for (const value of values) {
    target.writeUInt32LE(value?.length ?? absentLength, offset);
    const keptBytes = value === undefined ? 0 : Math.min(value.length, valueMaxBytes);
    if (value !== undefined) target.set(keptBytes === value.length ? value : value.subarray(0, keptBytes), offset + headerBytes);
    offset += itemBytes(keptBytes);
  }
}

/** In memory of their own, which may be transferred. */
export function packValues(values: Values, valueMaxBytes: number, isLast = false): Buffer<ArrayBuffer> {
  const packed = Buffer.from(new ArrayBuffer(packedValuesBytes(values, valueMaxBytes)));
  writePackedValues(values, valueMaxBytes, packed, 0, isLast);
  return packed;
}

/** Goes through packed values, one after the other. Used again and again: no object for each value, or for each read. */
export class PackedValues {
  /** Of rows: the range has no more behind these. */
  isLast = false;
  /** Of the value that `next` went to. */
  isAbsent = false;
  /** Bytes of the whole value, however many of them are here. */
  valueBytes = 0;
  /** Where those that are here lie in `bytes`. */
  start = 0;
  end = 0;
  bytes: Buffer = Buffer.alloc(0);
  #offset = 0;
  #endOffset = 0;
  #valueMaxBytes = 0;

  /** Begins anew, with packed values that are the first `sizeBytes` of these bytes. */
  reset(bytes: Buffer, sizeBytes: number): void {
    this.bytes = bytes;
    this.#valueMaxBytes = bytes.readUInt32LE(0);
    this.isLast = bytes.readUInt32LE(4) !== 0;
    this.#offset = headerBytes;
    this.#endOffset = sizeBytes;
  }

  /** Goes to the next value; false where there is none. */
  next(): boolean {
    if (this.#offset >= this.#endOffset) return false;
    const length = this.bytes.readUInt32LE(this.#offset);
    this.isAbsent = length === absentLength;
    this.valueBytes = this.isAbsent ? 0 : length;
    this.start = this.#offset + headerBytes;
    this.end = this.start + Math.min(this.valueBytes, this.#valueMaxBytes);
    this.#offset += itemBytes(this.end - this.start);
    return true;
  }

  /** All of them, in one piece of memory that is the caller's. */
  copy(): (Buffer | undefined)[] {
    const own = new PackedValues();
    own.reset(Buffer.from(this.bytes.subarray(0, this.#endOffset)), this.#endOffset);
    const values: (Buffer | undefined)[] = [];
    while (own.next()) values.push(own.isAbsent ? undefined : own.bytes.subarray(own.start, own.end));
    return values;
  }
}

/** The rows of an empty range. */
export function noRows(): PackedValues {
  return packedRows([], true);
}

/** Keys and values in turn. */
export function packedRows(rows: Values, isLast: boolean): PackedValues {
  const packed = packValues(rows, wholeValues, isLast);
  const values = new PackedValues();
  values.reset(packed, packed.length);
  return values;
}

function itemBytes(keptBytes: number): number {
  return headerBytes + ((keptBytes + 7) & ~7);
}
