import { MemoryDisk } from "../../src/storage/memory-disk.js";
import { MemoryEngine } from "../../src/storage/memory-engine.js";
import { storageEngineConformance } from "./conformance.js";

storageEngineConformance("MemoryEngine", async () => {
  const disk = new MemoryDisk();
  return { open: async () => new MemoryEngine(disk), remove: async () => undefined };
});
