import type { Durability } from "../storage/storage-engine.js";
import { limits } from "../base/limits.js";
import { assertSize } from "../base/size-range.js";
import { blockCacheMostBytes, engineFewestBytes, writeBuffersMostBytes, type RocksEngineOptions } from "../storage/rocksdb-engine.js";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** How one replica runs. */
export interface NodeConfig {
  /** Folder for the data; made where it is missing. */
  readonly dataDir: string;
  /** Cap of the canisters of maps that are created without one of their own. */
  readonly canisterCapBytes: number;
  /** Main memory for entries and for the storage engine's own caches together. */
  readonly memoryBytes: number;
  readonly durability: Durability;
  readonly logLevel: LogLevel;
  /** Opens a data folder whose log is damaged too, without what lies behind the damage. */
  readonly acceptDamagedLog?: boolean | undefined;
}

export interface ServerConfig extends NodeConfig {
  /** HOST:PORT; port 0 takes a free one. */
  readonly listen: string;
}

/** `machineBytes`: main memory that there is. Errors: INVALID_ARGUMENT, naming the setting. */
export function assertConfig(config: NodeConfig, machineBytes: number): void {
  const { canisterCapBytes, memoryBytes } = config;
  const { canisterCapMinBytes, canisterCapMaxBytes, memoryMinBytes } = limits;
  assertSize("A canister cap", canisterCapBytes, canisterCapMinBytes, canisterCapMaxBytes);
  const mayTakeBytes = Math.min(machineBytes, Number.MAX_SAFE_INTEGER);
  const hint = "Choose a smaller budget, and leave room for what a server takes besides it: some 200 MiB.";
  const details = memoryBytes > mayTakeBytes ? { hint } : {};
  assertSize("A memory budget", memoryBytes, memoryMinBytes, mayTakeBytes, (most) => `what this process may take (${most})`, details);
}

/** What a replica gets of the memory budget. */
export interface ReplicaShares {
  readonly cacheBytes: number;
  /** A power of two. */
  readonly absenceFilterBytes: number;
}

/** Enough for a thousand million entries. */
const absenceFilterMostBytes = 2 ** 30;

/**
 * How the memory budget is divided. The entry cache serves a hot key for a tenth of what the engine takes, and holds entries where the
 * engine's cache holds blocks of several. So the engine gets a quarter for write buffers: their size is that of RocksDB's first level, and
 * the larger it is against the data, the less often compactions write the same entry. And a sixteenth for indexes and filters: 2 B for a
 * small entry, 9 B for one of 1 KiB. The system's page cache stands behind both. Of a small budget the engine's smallest sizes leave
 * less than eleven sixteenths to the replica, but always a quarter. Of the replica's share a 64th of the budget, rounded down to a power of
 * two, is the absence filter's; the entry cache gets the rest.
 */
export function divideMemory(memoryBytes: number): ReplicaShares & { readonly engine: RocksEngineOptions } {
  const writeBuffersBytes = Math.min(memoryBytes / 4, writeBuffersMostBytes);
  const blockCacheBytes = Math.min(memoryBytes / 16, blockCacheMostBytes);
  const engineBytes = Math.max(engineFewestBytes, Math.ceil(blockCacheBytes + writeBuffersBytes));
  const absenceFilterBytes = Math.min(absenceFilterMostBytes, 2 ** Math.floor(Math.log2(memoryBytes / 64)));
  const cacheBytes = Math.max(memoryBytes - engineBytes, Math.ceil(memoryBytes / 4)) - absenceFilterBytes;
  return { cacheBytes, absenceFilterBytes, engine: { memoryBytes: engineBytes, writeBufferShare: writeBuffersBytes / engineBytes } };
}
