import { access, constants, mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { formatSizeBytes } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { silentLogger, type Logger } from "../base/logger.js";
import { folderDiskSpace, type DiskSpace } from "./disk-space.js";
import { diskFullAtOpen } from "./full-disk.js";
import { layoutVersion, systemKey, systemKind } from "./key-layout.js";
import { openRocksEngine, type RocksEngineOptions } from "./rocksdb-engine.js";
import { endLogAt, findLogDamage, type LogDamage } from "./log-check.js";
import { isStoreInUse } from "./store-lock.js";
import type { Durability, StorageEngine } from "./storage-engine.js";
import { WriteBatch } from "./write-batch.js";

/** Of the data folder, the part that RocksDB owns. */
const storeFolder = "store";

/** What may lie in a new data folder: systems and tools put it into folders that are empty to people. */
const strayNames: ReadonlySet<string> = new Set(["lost+found", ".DS_Store", ".gitkeep", ".gitignore", ".snapshot"]);
/** Of the files that RocksDB makes in its folder, some are there from the beginning. */
const rocksNames = /^(CURRENT|IDENTITY|LOCK|LOG|MANIFEST-\d+)$/;
/** So many are named of those that are in the way. */
const namedMost = 3;

const layoutKey = systemKey(systemKind.layout, new Uint8Array(0));

export interface DataFolderOptions extends RocksEngineOptions {
  /** With which commits are written; "fsync" by default. */
  readonly durability?: Durability;
  /** Opens a store whose log is damaged too: as it was before the first commit that cannot be read. */
  readonly acceptDamagedLog?: boolean;
  readonly logger?: Logger;
}

export interface DataFolderPorts {
  /** Of the disk that holds the folder. */
  readonly space: DiskSpace;
  readonly openEngine: typeof openRocksEngine;
}

/**
 * Opens the store of a data folder, and makes both where they are missing. The folder belongs to one process until the
 * engine is closed. Errors: DATA_DIR_UNUSABLE (not a folder, one of other files, or this user may not read and write it),
 * DATA_DIR_IN_USE, DATA_DIR_NEWER, STORAGE_CORRUPT (a damaged log too), DISK_FULL (which says how much room opening takes), STORAGE_FAILED.
 */
export async function openDataFolder(
  path: string,
  options: DataFolderOptions,
  ports: DataFolderPorts = { space: folderDiskSpace(path), openEngine: openRocksEngine },
): Promise<StorageEngine> {
  const store = join(path, storeFolder);
  try {
    await makeUsable(path, store);
    await checkLogs(path, store, options);
    return await openWithLayout(path, await openStore(path, store, options, ports));
  } catch (error) {
    if (!(error instanceof BigMapError) || error.code !== "DISK_FULL") throw error;
    throw await diskFullAtOpen(path, store, ports.space, error);
  }
}

async function openWithLayout(path: string, engine: StorageEngine): Promise<StorageEngine> {
  try {
    await assertLayout(path, engine);
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function makeUsable(path: string, store: string): Promise<void> {
  try {
    await assertNotForeign(path, store);
    await makeFolder(store);
    for (const folder of [path, store]) await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof BigMapError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const code = reason.startsWith("ENOSPC") ? "DISK_FULL" : "DATA_DIR_UNUSABLE";
    throw new BigMapError(code, `The data folder ${path} cannot be used: ${reason}`, { cause: error });
  }
}

/** A mistyped folder, such as one's home, must not get a store among its files. Nothing was made yet. */
async function assertNotForeign(path: string, store: string): Promise<void> {
  const names = (await namesIn(path)).filter((name) => !strayNames.has(name));
  const stored = names.includes(storeFolder) ? await namesIn(store) : [];
  const isOurs = names.includes(storeFolder) ? stored.length === 0 || stored.some((name) => rocksNames.test(name)) : names.length === 0;
  if (isOurs) return;
  const named = names.slice(0, namedMost).join(", ") + (names.length > namedMost ? ", …" : "");
  throw new BigMapError("DATA_DIR_UNUSABLE", `The folder ${path} holds no store of BigMap, but other files: ${named}`, {
    hint: "Choose a data folder that is empty, or one that is not there yet.",
  });
}

/** None where there is no such folder, or it is not one. */
async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

/**
 * RocksDB drops commits behind damage in its log without a word. Where they were acknowledged the store is not opened. One commit behind
 * the damage may come from a power failure: the pages of what was not synced yet reach the disk in any order; with durability "os" that is
 * true of any number. So there it is only said.
 */
async function checkLogs(path: string, store: string, options: DataFolderOptions): Promise<void> {
  const { durability = "fsync", acceptDamagedLog = false, logger = silentLogger } = options;
  const damage = await findSettledDamage(store, options);
  if (damage === undefined) return;
  const { log, offset, commits, bytes } = damage;
  const found = `The log ${log} is damaged at byte ${offset}; commits behind that: ${commits} (${formatSizeBytes(bytes)})`;
  const isLoss = durability === "fsync" && damage.wasSynced;
  if (isLoss && !acceptDamagedLog) {
    const others = "where they were written with durability os, and the power failed, nothing else is left";
    const copy = `To go on without what lies there and behind it (${others}), copy ${path} and start once with --accept-damaged-log`;
    const hint = `Restore the data folder from a backup. ${copy} (openBigMap: acceptDamagedLog).`;
    throw new BigMapError("STORAGE_CORRUPT", `${found}. They were acknowledged and would be lost`, { hint });
  }
  const cause = "After a power failure they were not on the disk yet; else restore the data folder from a backup";
  logger.warn({ log, offset, commits, bytes }, `${found}. They are not read. ${isLoss ? "That was accepted" : cause}`);
  await endLogAt(damage);
}

/** A process that has the store open writes and removes logs while they are looked at: opening fails for its sake, not for damage. */
async function findSettledDamage(store: string, options: DataFolderOptions): Promise<LogDamage | undefined> {
  const isSound = await findLogDamage(store).then(
    (damage) => damage === undefined,
    () => false,
  );
  if (isSound || (await isStoreInUse(store, options))) return undefined;
  try {
    return await findLogDamage(store);
  } catch (error) {
    throw new BigMapError("STORAGE_FAILED", `The logs in ${store} cannot be read: ${String(error)}`, { cause: error });
  }
}

/** Not by mkdir's own recursion: where a folder refuses its children as if it were not there (below /proc), that one never ends. */
async function makeFolder(path: string): Promise<void> {
  if (await isMade(path)) return;
  await makeFolder(dirname(path));
  await mkdir(path).catch(passExisting);
}

/** Answers false where the parent has to be made first. */
async function isMade(path: string): Promise<boolean> {
  try {
    await mkdir(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT" && dirname(path) !== path) return false;
    passExisting(error);
  }
  return true;
}

function passExisting(error: unknown): void {
  if (codeOf(error) !== "EEXIST") throw error;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

async function openStore(
  path: string,
  store: string,
  options: RocksEngineOptions,
  { openEngine }: DataFolderPorts,
): Promise<StorageEngine> {
  try {
    return await openEngine(store, options);
  } catch (error) {
    if (!(error instanceof BigMapError) || error.code !== "DATA_DIR_IN_USE") throw error;
    throw new BigMapError("DATA_DIR_IN_USE", `The data folder ${path} is used by another process, or twice by this one`, { cause: error });
  }
}

/** Reads the layout record, or writes it where the store is new. */
async function assertLayout(path: string, engine: StorageEngine): Promise<void> {
  const [stored] = await engine.getMany([layoutKey]);
  if (stored === undefined) return writeLayout(path, engine);
  const version = stored.length === 4 ? Buffer.from(stored).readUInt32BE(0) : 0;
  if (version > layoutVersion) {
    const message = `The data folder ${path} has layout ${version}; this version knows layouts up to ${layoutVersion}`;
    throw new BigMapError("DATA_DIR_NEWER", message);
  }
  if (version !== layoutVersion) throw new BigMapError("STORAGE_CORRUPT", `The data folder ${path} has a damaged layout record`);
}

async function writeLayout(path: string, engine: StorageEngine): Promise<void> {
  if (!(await isEmpty(engine))) throw new BigMapError("STORAGE_CORRUPT", `The data folder ${path} has rows, but no layout record`);
  const version = Buffer.alloc(4);
  version.writeUInt32BE(layoutVersion, 0);
  const batch = new WriteBatch();
  batch.put(layoutKey, version);
  await engine.write(batch, "fsync");
}

async function isEmpty(engine: StorageEngine): Promise<boolean> {
  const reader = engine.openReader({ start: new Uint8Array(0), end: new Uint8Array(16).fill(0xff) });
  try {
    return (await reader.next({ maxRows: 1, maxBytes: 1 })).keys.length === 0;
  } finally {
    reader.close();
  }
}
