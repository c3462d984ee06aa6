import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBigMap } from "../../src/server/embedded.js";
import { mapApiSuite } from "./suite.js";

mapApiSuite("in this process, on RocksDB", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "bigmap-embedded-"));
  const bigmap = await openBigMap({ dataDir, memoryBytes: 64 * 2 ** 20 });
  return {
    bigmap,
    async close() {
      await bigmap.close();
      await rm(dataDir, { recursive: true });
    },
  };
});
