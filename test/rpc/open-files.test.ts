import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { silentLogger } from "../../src/base/logger.js";
import { limitConnections } from "../../src/rpc/connection-limit.js";
import { connectionsMost, openFileCount, openFilesAreFew, openFilesLimit } from "../../src/rpc/open-files.js";
import { ManualClock } from "../../src/testing/manual-clock.js";

describe("the limit of open files", () => {
  test("is read as Linux tells it, and assumed where nobody does", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bigmap-limits-"));
    try {
      const file = join(folder, "limits");
      const limitOf = async (line: string): Promise<number> => {
        await writeFile(
          file,
          `Limit                     Soft Limit           Hard Limit           Units     \n${line}\nMax locked memory  7  8  bytes\n`,
        );
        return openFilesLimit(file);
      };
      assert.equal(await limitOf("Max open files            20000                524288               files     "), 20_000);
      assert.equal(await limitOf("Max open files            unlimited            unlimited            files     "), Infinity);
      assert.equal(await limitOf("Max pending signals       63                   63                   signals   "), 1_024);
      assert.equal(openFilesLimit(join(folder, "none")), 1_024);
      assert.equal(openFileCount(join(folder, "none")), 0);
      assert.equal(openFileCount(folder), 1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("is half the store's, which has 256 in any case; a few connections are always taken", () => {
    assert.deepEqual([524_288, 1_024, 512, 400, 256, 64].map(connectionsMost), [262_144, 512, 256, 144, 16, 16]);
    assert.equal(connectionsMost(Infinity), Infinity);
  });

  test("is low below 512, and where the store has much of its part open at the start", () => {
    assert.deepEqual([openFilesAreFew(511, 20), openFilesAreFew(512, 128), openFilesAreFew(512, 129)], [true, false, true]);
    assert.deepEqual([openFilesAreFew(1_024, 257), openFilesAreFew(524_288, 70_000), openFilesAreFew(Infinity, 1e6)], [true, false, false]);
  });
});

describe("connections past the bound", () => {
  test("are closed, and told of once a minute; those that are there stay, and one that ends makes room", async () => {
    const clock = new ManualClock();
    const told: object[] = [];
    const logger = { ...silentLogger, warn: (facts: object) => void told.push(facts) };
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    limitConnections({ http2Servers: new Map([[listener, {}]]) }, clock, logger, 2);
    try {
      const [first, second] = [await accepted(listener), await accepted(listener)];
      for (let i = 0; i < 3; i++) await refused(listener);
      assert.deepEqual(told, [{ connections: 2 }]);
      clock.advance(60_000);
      await refused(listener);
      assert.equal(told.length, 2);
      const ended = once(first.taken, "close");
      first.socket.destroy();
      await ended;
      const third = await accepted(listener);
      for (const { socket } of [second, third]) socket.destroy();
    } finally {
      listener.close();
    }
  });

  test("several addresses share the bound; without one, or where the library hides its listeners, nothing is done", () => {
    const [left, right] = [createServer(), createServer()];
    const servers = new Map([left, right].map((listener) => [listener, {}]));
    limitConnections({ http2Servers: servers }, new ManualClock(), silentLogger, Infinity);
    assert.equal(left.maxConnections, undefined);
    limitConnections({}, new ManualClock(), silentLogger, 9);
    limitConnections({ http2Servers: servers }, new ManualClock(), silentLogger, 9);
    assert.deepEqual([left.maxConnections, right.maxConnections], [4, 4]);
  });
});

/** Both ends of a new connection. */
async function accepted(listener: Server): Promise<{ readonly socket: Socket; readonly taken: Socket }> {
  const taking = once(listener, "connection");
  const socket = connectTo(listener);
  const [taken] = (await taking) as [Socket];
  taken.resume();
  return { socket, taken };
}

async function refused(listener: Server): Promise<void> {
  const dropped = once(listener, "drop");
  const socket = connectTo(listener);
  const closed = once(socket, "close");
  await Promise.all([dropped, closed]);
}

function connectTo(listener: Server): Socket {
  const socket = connect((listener.address() as AddressInfo).port, "127.0.0.1");
  socket.on("error", () => undefined);
  return socket.resume();
}
