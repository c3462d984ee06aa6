/**
 * A token is a key's position on the ring: 64 bits, kept as two unsigned 32-bit numbers because BigInt is slow.
 *
 * token(key) = murmur3_x86_32(key, seedHigh) << 32 | murmur3_x86_32(key, seedLow). MurmurHash3 is by Austin Appleby
 * (public domain). One function for client, replica and tests; `test/ring` holds golden vectors and compares every run
 * with the npm package `murmurhash`. HOT.
 */

/** The two seeds are part of the data format. */
export const tokenSeedHigh = 0x9747b28c;
export const tokenSeedLow = 0x3c6ef372;

/** A token as an object: for records, messages and people. The hot path keeps `high` and `low` in registers. */
export interface Token {
  readonly high: number;
  readonly low: number;
}

export function tokenHigh(bytes: Uint8Array, start: number, end: number): number {
  return murmur3(bytes, start, end, tokenSeedHigh);
}

export function tokenLow(bytes: Uint8Array, start: number, end: number): number {
  return murmur3(bytes, start, end, tokenSeedLow);
}

export function tokenOf(key: Uint8Array): Token {
  return { high: tokenHigh(key, 0, key.length), low: tokenLow(key, 0, key.length) };
}

/** Order of two tokens: negative, 0 or positive. */
export function compareTokens(left: Token, right: Token): number {
  return left.high - right.high || left.low - right.low;
}

/** 16 hexadecimal digits. */
export function formatToken(token: Token): string {
  return hex32(token.high) + hex32(token.low);
}

/** MurmurHash3 x86 32-bit of `bytes[start .. end)`, unsigned. */
export function murmur3(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed | 0;
  let i = start;
  for (const blocksEnd = end - 3; i < blocksEnd; i += 4) {
    let block =
      (bytes[i] as number) | ((bytes[i + 1] as number) << 8) | ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24);
    block = Math.imul(block, 0xcc9e2d51);
    block = (block << 15) | (block >>> 17);
    hash ^= Math.imul(block, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  const rest = end - i;
  if (rest > 0) {
    let tail = bytes[i] as number;
    if (rest > 1) tail |= (bytes[i + 1] as number) << 8;
    if (rest > 2) tail |= (bytes[i + 2] as number) << 16;
    tail = Math.imul(tail, 0xcc9e2d51);
    tail = (tail << 15) | (tail >>> 17);
    hash ^= Math.imul(tail, 0x1b873593);
  }
  hash ^= end - start;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function hex32(number: number): string {
  return number.toString(16).padStart(8, "0");
}
