/**
 * Memory for frames and values on their way. Each buffer that is made anew counts against V8's allowance of external memory,
 * and every 64 MiB of it start a collection of the whole heap: a server that hands out 200 MB a second would do little else.
 * So what is large is used again. HOT.
 */
const smallestClass = 14;
const largestClass = 23;
/** Kept of each size; two frames under way and their values are usual. */
const keptMost = 4;
const kept: ArrayBuffer[][] = Array.from({ length: largestClass + 1 }, () => []);
/** Taken and not given back: what was never ours is left alone. */
const lent = new WeakSet<ArrayBufferLike>();

/** Memory of this size, with anything in it. Small and very large pieces are plain ones; for the others `giveBytes` is worth while. */
export function takeBytes(sizeBytes: number): Buffer<ArrayBuffer> {
  if (sizeBytes <= 1 << (smallestClass - 1) || sizeBytes > 1 << largestClass) return Buffer.allocUnsafe(sizeBytes);
  const sizeClass = Math.max(smallestClass, 32 - Math.clz32(sizeBytes - 1));
  // Not Buffer.allocUnsafe: it would cut the piece from a slab that others use too.
  const memory = kept[sizeClass]?.pop() ?? new ArrayBuffer(1 << sizeClass);
  lent.add(memory);
  return Buffer.from(memory, 0, sizeBytes);
}

/**
 * Gives memory from `takeBytes` back, as it was taken or any part of it, once; nobody may use it afterwards. Twice is noticed only until
 * somebody else has taken it.
 */
export function giveBytes(bytes: Uint8Array): void {
  if (!lent.delete(bytes.buffer)) return;
  const same = kept[31 - Math.clz32(bytes.buffer.byteLength)] as ArrayBuffer[];
  if (same.length < keptMost) same.push(bytes.buffer as ArrayBuffer);
}
