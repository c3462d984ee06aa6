/** What the engine holds for a key before its first pending update. HOT. */
import { asBuffer } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { storedEntryBytes } from "../canister/split-point.js";
import { assertEntryValue, encodeEntryKey, entryHeaderBytes, versionOfEntryValue } from "../storage/key-layout.js";
import type { PendingKey } from "./pending-keys.js";

export function encodePendingKey(key: PendingKey): Buffer {
  return encodeEntryKey(key.mapId, { high: key.tokenHigh, low: key.tokenLow }, key.keys.subarray(key.keyStart, key.keyEnd));
}

/** Notes what the engine holds for the key, unless an update of an earlier group has decided meanwhile: that is newer. */
export function keepPriorEntry(key: PendingKey, storedKeyBytes: number, stored: Uint8Array | undefined): void {
  if (key.hasValue) return;
  if (stored === undefined) {
    key.setAbsent();
    return;
  }
  try {
    assertEntryValue(stored);
  } catch (error) {
    key.failure = BigMapError.from(error);
    return;
  }
  key.setValue(
    versionOfEntryValue(asBuffer(stored)),
    storedEntryBytes(storedKeyBytes, stored.length),
    stored,
    entryHeaderBytes,
    stored.length,
  );
}
