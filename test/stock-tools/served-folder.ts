import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits } from "../../src/index.js";
import { startServer } from "../../src/server/server.js";

/** A server on a temporary folder and a port that the system chose. */
export async function serveFolder(): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), "bigmap-served-"));
  const memory = { canisterCapBytes: limits.canisterCapDefaultBytes, memoryBytes: 64 * 2 ** 20 };
  const server = await startServer({ dataDir, listen: "127.0.0.1:0", ...memory, durability: "fsync", logLevel: "silent" });
  return {
    address: server.address,
    async stop() {
      await server.stop();
      await rm(dataDir, { recursive: true });
    },
  };
}
