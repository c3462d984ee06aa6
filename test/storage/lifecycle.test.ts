import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import { smallMemory, temporaryFolder } from "./rocksdb-fixture.js";
import { textOf } from "./text-rows.js";

describe("no use of the engine harms the process", () => {
  for (const way of ["never closes", "exits in the middle", "forgets readers", "uses what is closed"]) {
    test(`a process that ${way} ends by itself with code 0, and its data is there`, async () => {
      const folder = await temporaryFolder();
      try {
        const script = fileURLToPath(new URL("./careless-user.js", import.meta.url));
        const child = spawn(process.execPath, [script, folder, way], { stdio: "inherit" });
        assert.deepEqual(await once(child, "exit"), [0, null]);
        const engine = await openRocksEngine(folder, smallMemory);
        assert.deepEqual(await textOf(engine, "a"), ["1"]);
        await engine.close();
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
});
