import { resolve } from "node:path";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import { silentLogger } from "../base/logger.js";
import { BigMap } from "../client/bigmap.js";
import type { Durability, StorageEngine } from "../storage/storage-engine.js";
import { LocalConnection } from "./local-connection.js";
import { defaultMemoryBytes, machineMemoryBytes } from "./machine-memory.js";
import { Node } from "./node.js";

export interface EmbeddedOptions {
  /** Folder for the data; made where it is missing. One process at a time. */
  readonly dataDir: string;
  /** Cap of the canisters of new maps; 4 GiB by default. */
  readonly canisterCapBytes?: number;
  /** Main memory for entries and caches, no more than there is; 1 GiB by default. */
  readonly memoryBytes?: number;
  /** "fsync" by default: on the disk when a write resolves. */
  readonly durability?: Durability;
  /** Opens a folder whose log is damaged too (STORAGE_CORRUPT), without what lies behind the damage. */
  readonly acceptDamagedLog?: boolean;
}

/**
 * Opens the same map in this process, without a server. Close it with `close()`; what was acknowledged is on the disk in any
 * case. Errors: DATA_DIR_IN_USE, DATA_DIR_UNUSABLE, DATA_DIR_NEWER, STORAGE_CORRUPT, INVALID_ARGUMENT.
 */
export async function openBigMap(options: EmbeddedOptions): Promise<BigMap> {
  return openEmbedded(options, undefined);
}

/** As `openBigMap`, on an engine that is handed in. */
export async function openEmbedded(options: EmbeddedOptions, engine: StorageEngine | undefined): Promise<BigMap> {
  const dataDir: unknown = (options as EmbeddedOptions | undefined)?.dataDir;
  if (typeof dataDir !== "string" || dataDir === "") throw new BigMapError("INVALID_ARGUMENT", "openBigMap needs { dataDir }, a folder");
  const node = await Node.open(
    {
      dataDir: resolve(options.dataDir),
      canisterCapBytes: options.canisterCapBytes ?? limits.canisterCapDefaultBytes,
      memoryBytes: options.memoryBytes ?? defaultMemoryBytes(),
      durability: options.durability ?? "fsync",
      logLevel: "silent",
      acceptDamagedLog: options.acceptDamagedLog,
    },
    { logger: silentLogger, machineMemoryBytes: machineMemoryBytes(), ...(engine === undefined ? {} : { engine }) },
  );
  return new BigMap(new OwningConnection(node), { sessionId: embeddedSessionId });
}

/** Everything in this process is one session. */
const embeddedSessionId = 1;

/** A connection that closes its node. */
class OwningConnection extends LocalConnection {
  constructor(private readonly node: Node) {
    super(node.replica, node.router, node.links);
  }

  override close(): Promise<void> {
    return this.node.close();
  }
}
