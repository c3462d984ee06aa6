import { copyBytes } from "../base/bytes.js";

/**
 * Copies of small values, cut from slabs. A value of its own memory costs an allocation outside of the heap, a view into
 * the received message would keep megabytes alive; a view into a slab keeps 16 KiB at most. HOT.
 */
const slabBytes = 16 * 1024;
const smallMaxBytes = 2 * 1024;

let slab = newSlab();
let slabUsedBytes = 0;

/** `source[start .. end)`, copied. Like a Buffer's, its `buffer` may be shared with other values. */
export function copyOf(source: Uint8Array, start = 0, end = source.length): Uint8Array {
  const length = end - start;
  if (length > smallMaxBytes) return new Uint8Array(source.subarray(start, end));
  if (slabUsedBytes + length > slabBytes) {
    slab = newSlab();
    slabUsedBytes = 0;
  }
  const copy = new Uint8Array(slab, slabUsedBytes, length);
  copyBytes(source, start, end, copy, 0);
  slabUsedBytes += length;
  return copy;
}

/** Not filled with zeros first: every byte of a value is written. */
function newSlab(): ArrayBufferLike {
  return Buffer.allocUnsafeSlow(slabBytes).buffer;
}
