import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import type { EngineFixture } from "./conformance.js";

export const smallMemory = { memoryBytes: 16 * 2 ** 20, readThreads: 1 } as const;

export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "bigmap-storage-"));
}

export async function rocksFixture(): Promise<EngineFixture> {
  const folder = await temporaryFolder();
  return {
    open: () => openRocksEngine(folder, { ...smallMemory, readThreads: 2 }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
