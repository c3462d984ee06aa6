import { BigMapError } from "../base/errors.js";
import { systemMapId, type CanisterId, type MapId } from "../base/ids.js";
import type { HashRange } from "../ring/hash-range.js";
import type { Token } from "../ring/token.js";
import type { KeyRange } from "./storage-engine.js";

/**
 * Every stored key and value, layout version 1. Numbers are unsigned and big-endian, so that byte order is number order.
 *
 *     entry key      mapId u32 | token u64 | key 1..4096 B
 *     entry value    layout u8 = 1 | reserved u8 = 0 | check u16 | version u48 | expiryMs u48 = 0 (never) | value
 *     system key     0 u32 | kind u8 | ...
 *       layout       kind 'V'                          -> u32 layout version of the whole folder
 *       meta record  kind 'M' | record key             -> revision u48 | check u32 | record bytes
 *       meta counter kind 'M'                          -> revision u48 | check u32   the meta store's last revision
 *       canister     kind 'C' | canisterId u48         -> accounting of a canister at a checkpoint
 *       delta        kind 'D' | commit number u48      -> changes of the accounting by one commit
 *
 * A canister's entries are one contiguous key range, so a split is a change of records and copies nothing. `check` is
 * the sum of the header's other 16-bit words and of the value's length, mod 65521 (the largest prime below 2^16): one
 * wrong byte, or a value cut short, is an error and never an answer. Damage inside a value is found by the engine's
 * own block checksums.
 */
export const layoutVersion = 1;

export const entryKeyPrefixBytes = 12;
export const entryHeaderBytes = 16;

export const systemKind = { layout: 0x56, meta: 0x4d, canister: 0x43, delta: 0x44 } as const;

/** Writes mapId and token at `offset`; the key's own bytes follow at `offset + entryKeyPrefixBytes`. HOT. */
export function writeEntryKeyPrefix(target: Buffer, offset: number, mapId: MapId, tokenHigh: number, tokenLow: number): void {
  target.writeUInt32BE(mapId, offset);
  target.writeUInt32BE(tokenHigh, offset + 4);
  target.writeUInt32BE(tokenLow, offset + 8);
}

export function encodeEntryKey(mapId: MapId, token: Token, key: Uint8Array): Buffer {
  const encoded = Buffer.allocUnsafe(entryKeyPrefixBytes + key.length);
  writeEntryKeyPrefix(encoded, 0, mapId, token.high, token.low);
  encoded.set(key, entryKeyPrefixBytes);
  return encoded;
}

/** The key without its prefix. */
export function keyOfEntryKey(encoded: Uint8Array): Uint8Array {
  return encoded.subarray(entryKeyPrefixBytes);
}

export function tokenOfEntryKey(encoded: Buffer): Token {
  return { high: encoded.readUInt32BE(4), low: encoded.readUInt32BE(8) };
}

export function mapIdOfEntryKey(encoded: Buffer): MapId {
  return encoded.readUInt32BE(0);
}

/** The smallest key behind this one. */
export function keyAfter(key: Uint8Array): Buffer {
  return Buffer.concat([key, Buffer.alloc(1)]);
}

/** All entries of one hash range of a map. */
export function entryKeyRange(mapId: MapId, range: HashRange): KeyRange {
  return { start: rangeBound(mapId, range.start), end: rangeBound(mapId, range.end) };
}

/** All entries of all maps. */
export const allEntriesRange: KeyRange = { start: Buffer.from([0, 0, 0, systemMapId + 1]), end: Buffer.alloc(4, 0xff) };

/** Writes the header at `offset`; the value's own bytes follow at `offset + entryHeaderBytes`. HOT. */
export function writeEntryHeader(target: Buffer, offset: number, version: number, valueBytes: number): void {
  // Byte by byte: calls of `writeUIntBE` and `fill` took three times as long.
  const versionHigh = Math.floor(version / 2 ** 32);
  target[offset] = layoutVersion;
  target[offset + 1] = 0;
  target[offset + 4] = versionHigh >>> 8;
  target[offset + 5] = versionHigh;
  target[offset + 6] = version >>> 24;
  target[offset + 7] = version >>> 16;
  target[offset + 8] = version >>> 8;
  target[offset + 9] = version;
  for (let i = offset + 10; i < offset + entryHeaderBytes; i++) target[i] = 0;
  const check = headerCheck(target, offset, valueBytes);
  target[offset + 2] = check >>> 8;
  target[offset + 3] = check;
}

/** Errors: STORAGE_CORRUPT where the header is not one of ours. */
export function assertEntryValue(stored: Uint8Array): void {
  assertEntryHeader(stored, 0, stored.length);
}

/** As `assertEntryValue`, of an entry of `storedBytes` of which the header, if no more, is there at `offset`. HOT. */
export function assertEntryHeader(bytes: Uint8Array, offset: number, storedBytes: number): void {
  const valueBytes = storedBytes - entryHeaderBytes;
  const check = ((bytes[offset + 2] as number) << 8) | (bytes[offset + 3] as number);
  const isOurs = valueBytes >= 0 && bytes[offset] === layoutVersion && bytes[offset + 1] === 0;
  if (!isOurs || check !== headerCheck(bytes, offset, valueBytes)) {
    throw new BigMapError("STORAGE_CORRUPT", `A stored entry has a damaged header (${storedBytes} B)`);
  }
}

/** The number of the update that wrote the entry that begins at `offset`. */
export function versionOfEntryValue(stored: Buffer, offset = 0): number {
  return stored.readUIntBE(offset + 4, 6);
}

export function systemKey(kind: number, rest: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(5 + rest.length);
  key.writeUInt32BE(systemMapId, 0);
  key[4] = kind;
  key.set(rest, 5);
  return key;
}

/** All system keys of one kind. */
export function systemKeyRange(kind: number): KeyRange {
  return { start: systemKey(kind, new Uint8Array(0)), end: systemKey(kind + 1, new Uint8Array(0)) };
}

export function canisterKey(canisterId: CanisterId): Buffer {
  return systemKey(systemKind.canister, encodeUint48(canisterId));
}

export function deltaKey(commitNumber: number): Buffer {
  return systemKey(systemKind.delta, encodeUint48(commitNumber));
}

export function encodeUint48(number: number): Buffer {
  const encoded = Buffer.allocUnsafe(6);
  encoded.writeUIntBE(number, 0, 6);
  return encoded;
}

function rangeBound(mapId: MapId, token: Token): Buffer {
  const bound = Buffer.alloc(entryKeyPrefixBytes);
  // The end of the token space is the first key of the next map.
  if (token.high === 2 ** 32) bound.writeUInt32BE(mapId + 1, 0);
  else writeEntryKeyPrefix(bound, 0, mapId, token.high, token.low);
  return token.high === 2 ** 32 ? bound.subarray(0, 4) : bound;
}

function headerCheck(bytes: Uint8Array, offset: number, valueBytes: number): number {
  let sum = valueBytes + layoutVersion;
  for (let i = offset + 4; i < offset + entryHeaderBytes; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  return sum % 65521;
}
