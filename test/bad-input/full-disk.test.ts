/** A server on a disk that fills up, in order and behind its back. */
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BigMap, BigMapError, bytes } from "../../src/index.js";
import { recount } from "../check/recount.js";
import { codeOfCall } from "./roads.js";
import { startProcess, type StartedProcess } from "./start-process.js";
import { mountSmallDisk, type SmallDisk } from "./tmpfs.js";

const valueBytes = 256 * 1024;
const keysAtOnce = 16;
/** A refused put is tried again until this is over, for there may be room again: the tests wait for it several times. */
const callTimeoutMs = 2_000;
const mibBytes = 2 ** 20;

/** What was acknowledged, by key: the byte that fills the value; undefined where the last word was a delete. */
type Acknowledged = Map<string, number | undefined>;

describe("a server on a small disk", () => {
  test("refuses puts before the disk is full, reads and deletes on, and takes puts again when there is room", async () => {
    await onSmallDisk(160, async (disk, start) => {
      let server = await start();
      let bigmap = await connect(server);
      const acknowledged: Acknowledged = new Map();
      const refused = await fill(bigmap, acknowledged);
      assert.deepEqual([refused.code, refused.retry], ["DISK_FULL", "transient"]);
      assert.ok(acknowledged.size > 0);
      await assertKept(bigmap, acknowledged);
      assert.equal(await codeOfCall(bigmap.createMap("another")), "DISK_FULL");
      assert.equal(await codeOfCall(bigmap.map("another").put("k", Buffer.from("v"))), "DISK_FULL");
      assert.ok(await bigmap.map("m").delete("key-0", { timeoutMs: 30_000 }));
      acknowledged.set("key-0", undefined);

      disk.resize(512);
      await untilTaken(bigmap, "key-1", acknowledged);
      await assertKept(bigmap, acknowledged);

      await bigmap.close();
      server.kill("SIGTERM");
      assert.deepEqual(await server.ended, { exitCode: 0, signal: null, stderr: "" });
      server = await start();
      bigmap = await connect(server);
      await assertKept(bigmap, acknowledged);
      const maps = [];
      for await (const { map } of bigmap.listMaps()) maps.push(map);
      assert.deepEqual(maps, ["m"], "a refused map did not come into being");
      await bigmap.close();
    });
  });

  test("loses nothing that it acknowledged when another program takes the last byte", async () => {
    await onSmallDisk(224, async (disk, start) => {
      let server = await start();
      let bigmap = await connect(server);
      const acknowledged: Acknowledged = new Map();
      await put(bigmap, "before", 7, acknowledged);
      const eaten = join(disk.folder, "eaten");
      const filling = fill(bigmap, acknowledged);
      await takeEverything(eaten);
      await filling;
      await assertKept(bigmap, acknowledged);
      await bigmap.close();

      await rm(eaten);
      disk.resize(512);
      server.kill("SIGTERM");
      const { signal } = await server.ended;
      assert.equal(signal, null, "the process ends by itself");
      server = await start();
      bigmap = await connect(server);
      await assertKept(bigmap, acknowledged);
      await put(bigmap, "after", 8, acknowledged);
      await assertKept(bigmap, acknowledged);
      await bigmap.close();
    });
  });
});

/** Servers that the work starts have their data on the disk; they end before it does. */
async function onSmallDisk(sizeMib: number, work: (disk: SmallDisk, start: () => Promise<StartedProcess>) => Promise<void>): Promise<void> {
  const disk = await mountSmallDisk(sizeMib);
  const servers: StartedProcess[] = [];
  const start = async (): Promise<StartedProcess> => {
    const server = await startProcess(["--data", join(disk.folder, "data")]);
    servers.push(server);
    return server;
  };
  try {
    await work(disk, start);
  } finally {
    for (const server of servers) server.kill("SIGKILL");
    await Promise.all(servers.map((server) => server.ended));
    await disk.remove();
  }
}

function connect(server: StartedProcess): Promise<BigMap> {
  return BigMap.connect({ endpoints: [server.address ?? assert.fail("the server did not start")], timeoutMs: callTimeoutMs });
}

async function put(bigmap: BigMap, key: string, number: number, acknowledged: Acknowledged): Promise<void> {
  await bigmap.map("m").put(key, Buffer.alloc(valueBytes, number % 251));
  acknowledged.set(key, number % 251);
}

/** Puts, several at a time, until one is refused for want of room; resolves to that refusal. What was too slow is tried no more. */
async function fill(bigmap: BigMap, acknowledged: Acknowledged): Promise<BigMapError> {
  let refusal: BigMapError | undefined;
  let next = 0;
  const writer = async (): Promise<void> => {
    while (refusal === undefined) {
      const number = next++;
      try {
        await put(bigmap, `key-${number}`, number, acknowledged);
      } catch (error) {
        const failure = BigMapError.from(error);
        if (failure.code === "DISK_FULL" || failure.code === "STORAGE_FAILED") refusal = failure;
        else assert.ok(failure.code === "OUTCOME_UNKNOWN" || failure.code === "DEADLINE_EXCEEDED", failure.message);
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, writer));
  return refusal ?? assert.fail("nothing was refused");
}

/** The guard of the disk looks twice a second; a client that waits is the one that hears when there is room again. */
async function untilTaken(bigmap: BigMap, key: string, acknowledged: Acknowledged): Promise<void> {
  await bigmap.map("m").put(key, Buffer.alloc(valueBytes, 99), { timeoutMs: 30_000 });
  acknowledged.set(key, 99);
}

/** Every acknowledged put is there and every acknowledged delete stays; updates that failed may show too, but counted. */
async function assertKept(bigmap: BigMap, acknowledged: Acknowledged): Promise<void> {
  const map = bigmap.map("m");
  const keys = [...acknowledged.keys()];
  for (let i = 0; i < keys.length; i += keysAtOnce) {
    const some = keys.slice(i, i + keysAtOnce);
    const values = await map.getMany(some);
    some.forEach((key, place) => assert.equal(fillOf(values[place]), acknowledged.get(key), key));
  }
  const { canisters } = await bigmap.topology("m");
  assert.deepEqual(await recount(bigmap.map("m", { key: bytes, value: bytes }).scan(), canisters), []);
}

/** The number with which a value was filled. */
function fillOf(value: Uint8Array | undefined): number | undefined {
  if (value === undefined) return undefined;
  assert.ok(Buffer.alloc(valueBytes, value[0]).equals(value));
  return value[0];
}

/** Writes until not one byte is left. */
async function takeEverything(path: string): Promise<void> {
  for (let partBytes = 16 * mibBytes; partBytes >= 4096;) {
    try {
      await writeFile(path, Buffer.alloc(partBytes, 1), { flag: "a" });
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
      partBytes /= 4;
    }
  }
}
