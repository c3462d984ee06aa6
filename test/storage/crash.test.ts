import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import { rowName, rowsPerBatch } from "./kill-writer.js";
import { smallMemory, temporaryFolder } from "./rocksdb-fixture.js";
import { readAll } from "./text-rows.js";

test("kill -9 in the middle of fsync writes loses no acknowledged batch and halves none", async () => {
  const folder = await temporaryFolder();
  try {
    for (const killAfter of [1, 200]) {
      await rm(folder, { recursive: true, force: true });
      const acknowledged = await writeUntilKilled(folder, killAfter);
      assert.ok(acknowledged.length >= killAfter);
      await assertBatches(folder, acknowledged);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** Numbers of the batches that the child saw acknowledged; it is killed when there are `killAfter`. */
async function writeUntilKilled(folder: string, killAfter: number): Promise<number[]> {
  const script = fileURLToPath(new URL("./kill-writer.js", import.meta.url));
  const child = spawn(process.execPath, [script, folder], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const acknowledged: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(Number(line));
    if (acknowledged.length === killAfter) child.kill("SIGKILL");
  }
  assert.deepEqual((await exited)[1], "SIGKILL");
  return acknowledged;
}

async function assertBatches(folder: string, acknowledged: readonly number[]): Promise<void> {
  const engine = await openRocksEngine(folder, smallMemory);
  const rows = new Map(await readAll(engine));
  await engine.close();
  for (const number of acknowledged) assert.ok(rows.has(rowName(number, 0).toString()), `batch ${number} was acknowledged`);
  const found = new Set([...rows.keys()].map((name) => Number(name.split("/")[0])));
  for (const number of found) {
    for (let row = 0; row < rowsPerBatch; row++) assert.equal(rows.get(rowName(number, row).toString())?.split(" ")[0], String(number));
  }
}
