import { openRocks } from "./rocksdb-binding.js";
import { rocksOptions, type RocksEngineOptions } from "./rocksdb-engine.js";
import { describeRocksError, toOpenError } from "./rocksdb-errors.js";

/**
 * Whether somebody has the store in `folder` open. RocksDB takes its lock before it looks whether there is a store, and is told here to
 * fail where there is one: so it recovers nothing, and nothing is changed.
 */
export async function isStoreInUse(folder: string, options: RocksEngineOptions): Promise<boolean> {
  const never = { ...rocksOptions(options), createIfMissing: false, errorIfExists: true };
  try {
    await (await openRocks(folder, never)).close();
    return false;
  } catch (error) {
    return toOpenError(describeRocksError(error)).code === "DATA_DIR_IN_USE";
  }
}
