import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { formatSizeBytes } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import type { DiskSpace } from "./disk-space.js";

/** What RocksDB writes beside tables when it opens: manifest, options, the folder's own log. */
const smallFilesBytes = 2 ** 20;

/**
 * DISK_FULL for an operator whose store in `store`, of the data folder `path`, does not open: what is free, and how much opening writes. It
 * cannot be opened for reads alone: what RocksDB's logs hold goes into tables first, up to the size of its write buffers.
 */
export async function diskFullAtOpen(path: string, store: string, space: DiskSpace, cause: BigMapError): Promise<BigMapError> {
  const freeBytes = await space.freeBytes().catch(() => undefined);
  const free = freeBytes === undefined ? "too little" : formatSizeBytes(freeBytes);
  const needed = formatSizeBytes((await logBytes(store)) + smallFilesBytes);
  const state = `The data folder ${path} cannot be opened: its disk has ${free} free, and opening writes about ${needed}`;
  const room = `Free ${needed} or more on the disk of ${path}, but nothing inside of that folder, or move the folder to a larger disk`;
  return new BigMapError("DISK_FULL", `${state}: ${cause.message}`, {
    cause,
    hint: `${room}; then start again: what was acknowledged is kept.`,
  });
}

/** Of RocksDB's logs; 0 where they cannot be looked at. */
async function logBytes(store: string): Promise<number> {
  const names = await readdir(store).catch(() => []);
  const logs = names.filter((name) => name.endsWith(".log"));
  const files = await Promise.all(logs.map((name) => stat(join(store, name)).catch(() => undefined)));
  return files.reduce((sum, file) => sum + (file?.size ?? 0), 0);
}
