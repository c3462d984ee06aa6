import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BigMap, limits } from "../../src/index.js";
import { startServer } from "../../src/server/server.js";
import { mapApiSuite } from "./suite.js";

mapApiSuite("one replica on RocksDB, over gRPC", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "bigmap-one-replica-"));
  const config = {
    dataDir,
    canisterCapBytes: limits.canisterCapDefaultBytes,
    memoryBytes: 64 * 2 ** 20,
    durability: "fsync",
    logLevel: "silent",
  } as const;
  const server = await startServer({ ...config, listen: "127.0.0.1:0" });
  const bigmap = await BigMap.connect({ endpoints: [server.address] });
  return {
    bigmap,
    async close() {
      await bigmap.close();
      await server.stop();
      await rm(dataDir, { recursive: true });
    },
  };
});
