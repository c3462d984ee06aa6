import { assert, BigMapError } from "../base/errors.js";
import type { MapId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import { murmur3, type Token } from "../ring/token.js";

/**
 * Where a scan resumes: after the entry (token, key), or at a token where `key` is empty. It names a place on the ring and no
 * canister, so it stays good across splits. Bytes:
 *
 *     layout u8 = 1 | check u32 | mapId u32 | prefix hash u32 | token u64 | key 0..4096 B        (big-endian)
 *
 * `check` is murmur3 over all that follows it: a damaged cursor, or one of another map or prefix, is CURSOR_INVALID.
 */
export interface ScanPosition {
  readonly token: Token;
  /** Empty: begin with the first entry at or after the token. */
  readonly key: Uint8Array;
}

const cursorLayout = 1;
const cursorHeaderBytes = 21;
assert(cursorHeaderBytes + limits.keyMaxBytes === limits.scanCursorMaxBytes, "a cursor has any key");
const checkSeed = 0x5ca11ed5;

export function encodeCursor(mapId: MapId, prefix: Uint8Array, position: ScanPosition): Buffer {
  const cursor = Buffer.allocUnsafe(cursorHeaderBytes + position.key.length);
  cursor[0] = cursorLayout;
  cursor.writeUInt32BE(mapId, 5);
  cursor.writeUInt32BE(murmur3(prefix, 0, prefix.length, checkSeed), 9);
  cursor.writeUInt32BE(position.token.high, 13);
  cursor.writeUInt32BE(position.token.low, 17);
  cursor.set(position.key, cursorHeaderBytes);
  cursor.writeUInt32BE(murmur3(cursor, 5, cursor.length, checkSeed), 1);
  return cursor;
}

/** Errors: CURSOR_INVALID. */
export function decodeCursor(bytes: Uint8Array, mapId: MapId, prefix: Uint8Array): ScanPosition {
  const cursor = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (cursor.length < cursorHeaderBytes || cursor.length > limits.scanCursorMaxBytes || cursor[0] !== cursorLayout)
    throw new BigMapError("CURSOR_INVALID", "This is not a scan cursor");
  if (cursor.readUInt32BE(1) !== murmur3(cursor, 5, cursor.length, checkSeed))
    throw new BigMapError("CURSOR_INVALID", "The scan cursor is damaged");
  if (cursor.readUInt32BE(5) !== mapId) throw new BigMapError("CURSOR_INVALID", "The scan cursor belongs to another map");
  if (cursor.readUInt32BE(9) !== murmur3(prefix, 0, prefix.length, checkSeed)) {
    throw new BigMapError("CURSOR_INVALID", "The scan cursor belongs to a scan with another prefix");
  }
  return { token: { high: cursor.readUInt32BE(13), low: cursor.readUInt32BE(17) }, key: cursor.subarray(cursorHeaderBytes) };
}
