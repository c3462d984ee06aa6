import type { Durability } from "../storage/storage-engine.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";

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
}

export interface ServerConfig extends NodeConfig {
  /** HOST:PORT; port 0 takes a free one. */
  readonly listen: string;
}

/** Errors: INVALID_ARGUMENT, naming the setting. */
export function assertConfig(config: NodeConfig): void {
  const { canisterCapBytes, memoryBytes } = config;
  const { canisterCapMinBytes, canisterCapMaxBytes } = limits;
  if (!(canisterCapBytes >= canisterCapMinBytes && canisterCapBytes <= canisterCapMaxBytes && Number.isInteger(canisterCapBytes))) {
    throw new BigMapError(
      "INVALID_ARGUMENT",
      `A canister cap of ${canisterCapBytes} B is not between ${canisterCapMinBytes} B and ${canisterCapMaxBytes} B`,
    );
  }
  if (!(memoryBytes >= limits.memoryMinBytes && Number.isSafeInteger(memoryBytes))) {
    throw new BigMapError(
      "INVALID_ARGUMENT",
      `A memory budget of ${memoryBytes} B is not a number of bytes from ${limits.memoryMinBytes} B`,
    );
  }
}

/** How the memory budget is divided: entries first, the rest for the engine's blocks and write buffers. */
export function divideMemory(memoryBytes: number): { readonly cacheBytes: number; readonly engineBytes: number } {
  const cacheBytes = Math.floor(memoryBytes / 2);
  return { cacheBytes, engineBytes: memoryBytes - cacheBytes };
}
