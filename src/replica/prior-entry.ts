/** What the engine holds for keys before their first pending update. HOT. */
import { copyBytes } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { storedEntryBytes } from "../canister/split-point.js";
import {
  assertEntryHeader,
  entryHeaderBytes,
  entryKeyPrefixBytes,
  versionOfEntryValue,
  writeEntryKeyPrefix,
} from "../storage/key-layout.js";
import type { PackedKeys } from "../storage/packed-keys.js";
import { wholeValues, type PackedValues } from "../storage/packed-values.js";
import type { ReadReceiver, StorageEngine } from "../storage/storage-engine.js";
import type { PendingKey } from "./pending-keys.js";

/**
 * Reads what the engine holds for the keys, then calls `done`. An update is decided by the version and the size of its prior entry, so its
 * value is read only where a query waits for it too. `packed` is used for the call alone.
 */
export function readPriorEntries(engine: StorageEngine, keys: readonly PendingKey[], packed: PackedKeys, done: () => void): void {
  let wantsValues = false;
  packed.clear();
  for (const key of keys) {
    wantsValues ||= key.wantsValue;
    packPendingKey(key, packed);
  }
  engine.readMany(packed, wantsValues ? wholeValues : entryHeaderBytes, new PriorEntries(keys, wantsValues, done));
}

class PriorEntries implements ReadReceiver {
  constructor(
    private readonly keys: readonly PendingKey[],
    private readonly hasValues: boolean,
    private readonly done: () => void,
  ) {}

  resolve(values: PackedValues): void {
    for (const key of this.keys) {
      values.next();
      this.#keep(key, values);
    }
    this.done();
  }

  reject(error: BigMapError): void {
    for (const key of this.keys) key.failure = error;
    this.done();
  }

  /** Not where an update of an earlier group has decided meanwhile: that is newer. */
  #keep(key: PendingKey, found: PackedValues): void {
    if (key.hasValue || (key.isKnown && !this.hasValues)) return;
    if (found.isAbsent) {
      key.setAbsent();
      return;
    }
    const { bytes, start, end, valueBytes } = found;
    try {
      assertEntryHeader(bytes, start, valueBytes);
    } catch (error) {
      key.failure = BigMapError.from(error);
      return;
    }
    const version = versionOfEntryValue(bytes, start);
    const entryBytes = storedEntryBytes(entryKeyPrefixBytes + key.keyEnd - key.keyStart, valueBytes);
    if (this.hasValues && key.wantsValue) {
      const value = Buffer.from(bytes.subarray(start + entryHeaderBytes, end));
      key.setValue(version, entryBytes, value, 0, value.length);
    } else {
      key.setSize(version, entryBytes);
    }
  }
}

function packPendingKey({ mapId, tokenHigh, tokenLow, keys, keyStart, keyEnd }: PendingKey, packed: PackedKeys): void {
  const memory = packed.reserve(entryKeyPrefixBytes + keyEnd - keyStart);
  writeEntryKeyPrefix(memory, packed.lastOffset, mapId, tokenHigh, tokenLow);
  copyBytes(keys, keyStart, keyEnd, memory, packed.lastOffset + entryKeyPrefixBytes);
}
