import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { seededRandom, type Random } from "../../src/base/random.js";
import { encodeEntryKey } from "../../src/storage/key-layout.js";
import { openRocks, type RocksDatabase } from "../../src/storage/rocksdb-binding.js";
import { openRocksEngine, rocksOptions } from "../../src/storage/rocksdb-engine.js";
import type { Durability, StorageEngine } from "../../src/storage/storage-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { tokenOf } from "../../src/ring/token.js";
import { sized, type MicroBenchmark, type MicroSubject, type Scale } from "./benchmark.js";

const memoryBytes = 256 * 2 ** 20;
const valueBytes = 100;
const mapId = 7;

/**
 * RocksDB: multi-gets of entries that are in the block cache, on the caller's own thread and on the engine's read threads, one
 * call at a time; write batches, one at a time and so with one fsync each. Keys of 20 B and values of 100 B. Size: operations of a
 * batch.
 */
export const engineBenchmarks: MicroSubject = (scale) => {
  const sizes = sized(scale, [1, 16, 256], [1, 16]);
  return [
    ...sizes.map((keys) => ownThreadRead(scale, keys)),
    ...sizes.map((keys) => readThreadsRead(scale, keys)),
    ...sizes.map((rows) => write(scale, "fsync", rows)),
    ...sizes.map((rows) => write(scale, "os", rows)),
  ];
};

function ownThreadRead(scale: Scale, keys: number): MicroBenchmark {
  return {
    name: "engine multi-get, own thread",
    size: keys,
    operations: keys,
    async prepare() {
      const folder = await storeWithEntries(scale);
      const database = await openPlain(folder);
      const nextKeys = keyPicker(scale, keys);
      return {
        run: () => foundAll(database._getManySync(nextKeys(), { valueEncoding: "buffer" })),
        close: async () => {
          await database.close();
          await removeFolder(folder);
        },
      };
    },
  };
}

function readThreadsRead(scale: Scale, keys: number): MicroBenchmark {
  return {
    name: "engine multi-get, read threads",
    size: keys,
    operations: keys,
    async prepare() {
      const folder = await storeWithEntries(scale);
      const engine = await openRocksEngine(folder, { memoryBytes });
      const nextKeys = keyPicker(scale, keys);
      return { run: async () => foundAll(await engine.getMany(nextKeys())), close: () => closeAndRemove(engine, folder) };
    },
  };
}

function write(scale: Scale, durability: Durability, rows: number): MicroBenchmark {
  return {
    name: `engine write, ${durability}`,
    size: rows,
    operations: rows,
    async prepare() {
      const folder = await newFolder(scale);
      const engine = await openRocksEngine(folder, { memoryBytes });
      const nextKeys = keyPicker(scale, rows);
      const value = Buffer.alloc(valueBytes, 0x76);
      return {
        async run() {
          const batch = new WriteBatch();
          for (const key of nextKeys()) batch.put(key, value);
          await engine.write(batch, durability);
          return rows;
        },
        close: () => closeAndRemove(engine, folder),
      };
    },
  };
}

function entryCount(scale: Scale): number {
  return sized(scale, 100_000, 500);
}

function keyOf(entry: number): Buffer {
  const key = Buffer.from(`user${String(entry).padStart(16, "0")}`);
  return encodeEntryKey(mapId, tokenOf(key), key);
}

/** A folder with a closed store of all entries: opened anew, they are in table files and no longer in the write buffer. */
async function storeWithEntries(scale: Scale): Promise<string> {
  const folder = await newFolder(scale);
  const engine = await openRocksEngine(folder, { memoryBytes });
  const value = Buffer.alloc(valueBytes, 0x76);
  const count = entryCount(scale);
  for (let first = 0; first < count; first += 1_000) {
    const batch = new WriteBatch();
    for (let entry = first; entry < Math.min(count, first + 1_000); entry++) batch.put(keyOf(entry), value);
    await engine.write(batch, "os");
  }
  await engine.close();
  return folder;
}

/** As the engine opens it; its threads are left out. */
function openPlain(folder: string): Promise<RocksDatabase> {
  return openRocks(folder, rocksOptions({ memoryBytes }));
}

/** Random keys of entries, made beforehand: making them is no part of what is timed. */
function keyPicker(scale: Scale, batchSize: number): () => readonly Buffer[] {
  const random: Random = seededRandom(batchSize);
  const count = entryCount(scale);
  const batches = Array.from({ length: Math.ceil(sized(scale, 20_000, 100) / batchSize) }, () =>
    Array.from({ length: batchSize }, () => keyOf(random.below(count))),
  );
  let next = 0;
  return () => batches[next++ % batches.length] as readonly Buffer[];
}

function foundAll(values: readonly (Uint8Array | undefined)[]): number {
  let bytes = 0;
  for (const value of values) bytes += (value as Uint8Array).length;
  return bytes;
}

function newFolder(scale: Scale): Promise<string> {
  return mkdtemp(join(scale.folder, "bigmap-bench-"));
}

function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}

async function closeAndRemove(engine: StorageEngine, folder: string): Promise<void> {
  await engine.close();
  await removeFolder(folder);
}
