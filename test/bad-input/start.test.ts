/** `bigmap start` where it must not start: a typed error, an exit code, and nothing harmed. */
import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import { run } from "../../src/cli/run.js";
import { BigMap, utf8 } from "../../src/index.js";
import { openBigMap } from "../../src/server/embedded.js";
import { systemKey, systemKind } from "../../src/storage/key-layout.js";
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";
import { Collected } from "../cli/command-line.js";
import { codeOfCall } from "./roads.js";
import { endOfStart, startProcess, type ProcessEnd } from "./start-process.js";

describe("bigmap start", { concurrency: 2 }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bigmap-start-"));
    await chmod(folder, 0o755);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("on a data folder in use is DATA_DIR_IN_USE, and the one that has it serves on", async () => {
    const data = join(folder, "in-use");
    const first = await startProcess(["--data", data]);
    const bigmap = await BigMap.connect({ endpoints: [first.address ?? ""] });
    await bigmap.map("m").put("k", Buffer.from("before"));
    assertRefused(await endOfStart(["--data", data]), "DATA_DIR_IN_USE", 1);
    assert.equal(await codeOfCall(openBigMap({ dataDir: data })), "DATA_DIR_IN_USE");
    await bigmap.map("m").put("l", Buffer.from("after"));
    assert.deepEqual(await bigmap.map("m", { value: utf8 }).getMany(["k", "l"]), ["before", "after"]);
    await bigmap.close();
    first.kill("SIGTERM");
    assert.deepEqual(await first.ended, { exitCode: 0, signal: null, stderr: "" });
  });

  test("on a file, below a file and where no folder can be made is DATA_DIR_UNUSABLE, and does not hang", async () => {
    const file = join(folder, "file");
    await writeFile(file, "not a folder");
    for (const data of [file, join(file, "below")]) assert.equal(await codeOfCall(openBigMap({ dataDir: data })), "DATA_DIR_UNUSABLE");
    assertRefused(await endOfStart(["--data", "/proc/bigmap/data"]), "DATA_DIR_UNUSABLE", 1);
  });

  test("on a folder that may not be read is DATA_DIR_UNUSABLE", async () => {
    const data = join(folder, "locked");
    await mkdir(data, { mode: 0o000 });
    assertRefused(await endOfStart(["--data", data], { obeysModes: true }), "DATA_DIR_UNUSABLE", 1);
    await chmod(data, 0o700);
    assert.deepEqual(await readdir(data), []);
  });

  test("on a folder that may be read and not written is DATA_DIR_UNUSABLE, and leaves it as it was", async () => {
    const data = join(folder, "read-only");
    await (await openBigMap({ dataDir: data })).close();
    const files = await readdir(join(data, "store"));
    for (const each of [join(data, "store"), data]) await chmod(each, 0o555);
    assertRefused(await endOfStart(["--data", data], { obeysModes: true }), "DATA_DIR_UNUSABLE", 1);
    assert.deepEqual(await readdir(join(data, "store")), files);
    for (const each of [data, join(data, "store")]) await chmod(each, 0o755);
  });

  test("on a folder of a newer layout is DATA_DIR_NEWER, on a damaged layout record STORAGE_CORRUPT; mended, all is there", async () => {
    const data = join(folder, "layouts");
    const bigmap = await openBigMap({ dataDir: data });
    await bigmap.map("m").put("k", Buffer.from("kept"));
    await bigmap.close();
    const written = await exchangeLayout(data, Buffer.from("00000063", "hex"));
    assertRefused(await endOfStart(["--data", data]), "DATA_DIR_NEWER", 1);
    await exchangeLayout(data, Buffer.from("ff", "hex"));
    assertRefused(await endOfStart(["--data", data]), "STORAGE_CORRUPT", 1);
    await exchangeLayout(data, written);
    const again = await openBigMap({ dataDir: data });
    assert.equal(await again.map("m", { value: utf8 }).get("k"), "kept");
    await again.close();
  });

  test("on a port in use is LISTEN_FAILED, and makes no data folder", async () => {
    const data = join(folder, "port");
    const holder = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => holder.once("listening", resolve));
    const address = holder.address();
    assert.ok(address !== null && typeof address === "object");
    assertRefused(await endOfStart(["--data", data, "--listen", `127.0.0.1:${address.port}`]), "LISTEN_FAILED", 1);
    holder.close();
    assert.ok(!(await readdir(folder)).includes("port"));
  });

  const words: readonly (readonly [readonly string[], string])[] = [
    [["--listen", "nowhere"], "USAGE"],
    [["--listen", "127.0.0.1:65536"], "USAGE"],
    [["--canister-cap", "much"], "USAGE"],
    [["--canister-cap", "-1"], "USAGE"],
    [["--memory", "1e9"], "USAGE"],
    [["--durability", "maybe"], "USAGE"],
    [["--canister-cap", "1KiB"], "INVALID_ARGUMENT"],
    [["--canister-cap", "5GiB"], "INVALID_ARGUMENT"],
    [["--memory", "1MiB"], "INVALID_ARGUMENT"],
    [["--memory", "999TiB"], "INVALID_ARGUMENT"],
    [["--memory", `${"9".repeat(400)}GiB`], "INVALID_ARGUMENT"],
  ];
  for (const [each, code] of words) {
    test(`with ${each.join(" ").slice(0, 40)} is ${code}, and makes no folder`, async () => {
      const stderr = new Collected();
      const { signal } = new AbortController();
      const terminal = { stdin: Readable.from([]), stdout: new Collected(), stderr, env: {}, clock: systemClock, signal };
      const commandLine = ["start", "--json", "--data", join(folder, "never-made"), ...each];
      const exitCode = await run(commandLine, terminal, () => assert.fail("start asks no server"), "1.2.3");
      assertRefused({ exitCode, signal: null, stderr: stderr.bytes.toString() }, code, 2);
      assert.ok(!(await readdir(folder)).includes("never-made"));
    });
  }
});

/** One JSON object on stderr, with the code. */
function assertRefused({ exitCode, signal, stderr }: ProcessEnd, code: string, expectedExitCode: number): void {
  assert.deepEqual([exitCode, signal], [expectedExitCode, null], stderr);
  const { error } = JSON.parse(stderr) as { readonly error: { readonly code: string; readonly message: string } };
  assert.equal(error.code, code, error.message);
}

const layoutKey = systemKey(systemKind.layout, new Uint8Array(0));

/** Puts another layout record in place of the one that is there, and returns that. */
async function exchangeLayout(data: string, record: Uint8Array): Promise<Uint8Array> {
  const engine = await openRocksEngine(join(data, "store"), { memoryBytes: 16 * 2 ** 20, readThreads: 1 });
  const [stored] = await engine.getMany([layoutKey]);
  const batch = new WriteBatch();
  batch.put(layoutKey, record);
  await engine.write(batch, "fsync");
  await engine.close();
  return stored ?? assert.fail("there is no layout record");
}
