/** A server that is told to stop while it works: in order, at once, and not at all in order. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { BigMap, BigMapError, bytes } from "../../src/index.js";
import { recount } from "../check/recount.js";
import { startProcess, type StartedProcess } from "./start-process.js";

const writers = 32;
const enough = 500;
/** What an update may be answered with by a server that goes away; anything else would be a wrong answer. */
const allowed = new Set(["UNAVAILABLE", "SHUTTING_DOWN", "OUTCOME_UNKNOWN", "DEADLINE_EXCEEDED", "CLOSED"]);

interface Load {
  readonly acknowledged: ReadonlySet<string>;
  /** Resolves when this many puts are acknowledged. */
  reached(count: number): Promise<void>;
  /** Ends the writers, and waits for them. */
  stop(): Promise<void>;
}

describe("a server under load", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bigmap-shutdown-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("on SIGTERM answers what it accepted, exits with 0, and has everything when it starts again", async () => {
    const data = join(folder, "terminated");
    const server = await startProcess(["--data", data]);
    const [bigmap, load] = await underLoad(server);
    server.kill("SIGTERM");
    assert.deepEqual(await server.ended, { exitCode: 0, signal: null, stderr: "" });
    await load.stop();
    await bigmap.close();
    await assertKept(data, load.acknowledged);
  });

  test("on a second SIGTERM exits at once, on kill -9 has no choice, and has everything when it starts again", async () => {
    const data = join(folder, "killed");
    const ends = [
      async (server: StartedProcess) => {
        server.kill("SIGTERM");
        server.kill("SIGTERM");
        const { exitCode, signal } = await server.ended;
        // The two signals may be one by the time the process looks: then it stops in order.
        assert.ok(signal === null && (exitCode === 130 || exitCode === 0), String(exitCode));
      },
      async (server: StartedProcess) => {
        server.kill("SIGKILL");
        assert.equal((await server.ended).signal, "SIGKILL");
      },
    ];
    const acknowledged = new Set<string>();
    for (const end of ends) {
      const server = await startProcess(["--data", data]);
      const [bigmap, load] = await underLoad(server);
      await end(server);
      await load.stop();
      await bigmap.close();
      for (const key of load.acknowledged) acknowledged.add(key);
    }
    await assertKept(data, acknowledged);
  });
});

/** Connects and writes until the load has become real. */
async function underLoad(server: StartedProcess): Promise<[BigMap, Load]> {
  const endpoint = server.address ?? assert.fail("the server did not start");
  const bigmap = await BigMap.connect({ endpoints: [endpoint], timeoutMs: 1_000 });
  const load = startLoad(bigmap);
  await load.reached(enough);
  return [bigmap, load];
}

function startLoad(bigmap: BigMap): Load {
  const acknowledged = new Set<string>();
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let stopped = false;
  let next = 0;
  const write = async (): Promise<void> => {
    while (!stopped) {
      const key = `key-${next++}`;
      try {
        await bigmap.map("m").put(key, Buffer.from(key));
        acknowledged.add(key);
        for (const { count, resolve } of waiting) if (acknowledged.size >= count) resolve();
      } catch (error) {
        const { code, message } = BigMapError.from(error);
        assert.ok(allowed.has(code), `${code}: ${message}`);
      }
    }
  };
  const ended = Promise.all(Array.from({ length: writers }, write));
  return {
    acknowledged,
    reached: (count) => Promise.race([new Promise<void>((resolve) => waiting.push({ count, resolve })), ended.then(() => undefined)]),
    async stop() {
      stopped = true;
      await ended;
    },
  };
}

/** Starts the server on the folder once more and looks. */
async function assertKept(data: string, acknowledged: ReadonlySet<string>): Promise<void> {
  const server = await startProcess(["--data", data]);
  const bigmap = await BigMap.connect({ endpoints: [server.address ?? assert.fail("the server did not start")] });
  const keys = [...acknowledged];
  const values = await bigmap.map("m").getMany(keys);
  assert.deepEqual(
    keys.filter((key, i) => !Buffer.from(key).equals(values[i] ?? Buffer.alloc(0))),
    [],
  );
  const { canisters } = await bigmap.topology("m");
  assert.deepEqual(await recount(bigmap.map("m", { key: bytes, value: bytes }).scan(), canisters), []);
  await bigmap.close();
  server.kill("SIGKILL");
  await server.ended;
}
