/** A child process of crash.test: writes numbered batches and prints the number of each when it is acknowledged. */
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { smallMemory } from "./rocksdb-fixture.js";

/** Each batch has this many rows, named batch/row, and all the same value: the batch's number. */
export const rowsPerBatch = 7;

export function rowName(batch: number, row: number): Buffer {
  return Buffer.from(`${String(batch).padStart(8, "0")}/${row}`);
}

const [, script, folder] = process.argv;
if (script?.endsWith("kill-writer.js") === true && folder !== undefined) await writeForever(folder);

async function writeForever(path: string): Promise<void> {
  const engine = await openRocksEngine(path, smallMemory);
  let next = 0;
  const writer = async (): Promise<void> => {
    for (;;) {
      const number = next++;
      const batch = new WriteBatch();
      for (let row = 0; row < rowsPerBatch; row++) batch.put(rowName(number, row), Buffer.from(`${number} ${"x".repeat(200)}`));
      await engine.write(batch, "fsync");
      process.stdout.write(`${number}\n`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, writer));
}
