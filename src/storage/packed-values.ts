/**
 * Byte strings that cross between threads as one buffer, some of them absent:
 *
 *     item:  length u32 LE (0xffffffff: absent) | bytes
 *
 * HOT.
 */
import { asBuffer } from "../base/bytes.js";

const absentLength = 0xffffffff;

/** The memory is not from Buffer's pool and may be transferred. */
export function packValues(values: readonly (Uint8Array | undefined)[]): Buffer {
  let sizeBytes = values.length * 4;
  for (const value of values) sizeBytes += value?.length ?? 0;
  const packed = Buffer.from(new ArrayBuffer(sizeBytes));
  let offset = 0;
  for (const value of values) {
    packed.writeUInt32LE(value?.length ?? absentLength, offset);
    offset += 4;
    if (value === undefined) continue;
    packed.set(value, offset);
    offset += value.length;
  }
  return packed;
}

/** The values, as views of the packed memory. */
export function unpackValues(packed: Uint8Array): (Buffer | undefined)[] {
  const buffer = asBuffer(packed);
  const values: (Buffer | undefined)[] = [];
  for (let offset = 0; offset < buffer.length;) {
    const length = buffer.readUInt32LE(offset);
    offset += 4;
    if (length === absentLength) {
      values.push(undefined);
    } else {
      values.push(buffer.subarray(offset, offset + length));
      offset += length;
    }
  }
  return values;
}
