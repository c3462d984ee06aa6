import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { assertPortIsFree } from "../../src/server/free-port.js";

test("a port that another holds is LISTEN_FAILED, and one that is free stays so", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  await assert.rejects(assertPortIsFree(`127.0.0.1:${port}`), (error: { code: string; message: string }) => {
    assert.equal(error.code, "LISTEN_FAILED");
    assert.ok(error.message.startsWith(`Cannot listen on 127.0.0.1:${port}: `), error.message);
    return true;
  });
  holder.close();
  await once(holder, "close");
  for (let i = 0; i < 2; i++) await assertPortIsFree(`127.0.0.1:${port}`);
});

test("any port, and what is no address, is left to who listens", async () => {
  for (const address of ["127.0.0.1:0", "[::1]:0", "nowhere", "127.0.0.1:x", ":70000"]) await assertPortIsFree(address);
});
