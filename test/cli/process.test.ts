import assert from "node:assert/strict";
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

const noFullDevice = existsSync("/dev/full") ? false : "there is no /dev/full";

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

function start(args: readonly string[]): Child {
  return spawn(process.execPath, [main, ...args], { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1" } });
}

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], stdin = ""): Promise<Ended> {
  const child = start(args);
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  return ended(child);
}

async function ended(child: Child): Promise<Ended> {
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  return { exitCode, stdout, stderr };
}

/** Runs a command whose stdout goes to a file or a device. */
async function runInto(path: string, args: readonly string[]): Promise<Omit<Ended, "stdout">> {
  const output = openSync(path, "w");
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", output, "pipe"] });
  closeSync(output);
  const [stderr, [exitCode]] = await Promise.all([text(child.stderr as Readable), once(child, "close") as Promise<[number | null]>]);
  return { exitCode, stderr };
}

/** A server as a process of its own, on a free port. */
async function startServerProcess(dataDir: string): Promise<{ child: Child; endpoint: string }> {
  const child = start([
    "start",
    "--json",
    "--data",
    dataDir,
    "--listen",
    "127.0.0.1:0",
    "--canister-cap",
    "1MiB",
    "--memory",
    "64MiB",
    "--log-level",
    "silent",
  ]);
  child.stderr.resume();
  for await (const line of createInterface({ input: child.stdout })) {
    return { child, endpoint: (JSON.parse(line) as { address: string }).address };
  }
  assert.fail("the server ended before it said where it listens");
}

describe("the command as a process, against a server", () => {
  let folder = "";
  let server: Awaited<ReturnType<typeof startServerProcess>>;
  const bigmap = (args: readonly string[], stdin = ""): Promise<Ended> => run([...args, "--endpoint", server.endpoint], stdin);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bigmap-cli-"));
    server = await startServerProcess(join(folder, "data"));
  });
  after(async () => {
    server.child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });

  test("puts, gets and deletes, with the exit codes of its help", async () => {
    assert.deepEqual(await bigmap(["put", "users", "alice", '{"age":3}']), { exitCode: 0, stdout: "", stderr: "" });
    assert.deepEqual(await bigmap(["get", "users", "alice"]), { exitCode: 0, stdout: '{"age":3}\n', stderr: "" });
    assert.deepEqual(await bigmap(["get", "users", "bob"]), { exitCode: 3, stdout: "", stderr: "" });
    assert.equal((await bigmap(["put", "users", "alice", "x", "--if-absent"])).exitCode, 4);
    assert.equal((await bigmap(["delete", "users", "alice"])).exitCode, 0);
    assert.equal((await bigmap(["get", "no such map", "k"])).exitCode, 2);
  });

  test("imports from stdin, splits, draws the ring, and exports what it imported", async () => {
    const rows = Array.from({ length: 2_000 }, (_, i) => JSON.stringify({ key: `k${i}`, value: `v${i}` }));
    assert.equal((await bigmap(["import", "many", "--quiet"], rows.join("\n"))).exitCode, 0);
    const { maps } = JSON.parse((await bigmap(["stats", "many", "--json"])).stdout) as {
      maps: { entries: number; canisters: { canisterId: number }[] }[];
    };
    assert.equal(maps[0]?.entries, 2_000);
    assert.equal((await bigmap(["split", String(maps[0]?.canisters[0]?.canisterId)])).exitCode, 0);
    assert.match((await bigmap(["ring", "many"])).stdout, /^many: 5 canisters of 1 MiB · 2,000 entries/);
    const exported = (await bigmap(["export", "many", "--quiet"])).stdout.trim().split("\n");
    assert.deepEqual(exported.sort(), rows.sort());
  });

  test("bench measures, checks its reads and says so in JSON, on every road", async () => {
    const args = ["bench", "--json", "--quiet", "--records", "500", "--duration", "200ms", "--warmup", "20ms", "--callers", "16"];
    const mixed = await bigmap([...args, "--mix", "get=0.5,put=0.2,has=0.1,delete=0.1,insert=0.05,scan=0.05", "--distribution", "zipfian"]);
    assert.deepEqual([mixed.exitCode, mixed.stderr], [0, ""]);
    const { run: figures, settings } = JSON.parse(mixed.stdout) as { run: Record<string, unknown>; settings: Record<string, unknown> };
    assert.deepEqual([figures["wrong"], figures["errors"], settings["distribution"], settings["callers"]], [0, {}, "zipfian", 16]);
    assert.ok((figures["operations"] as number) > 16);
    const both = await bigmap([...args, "--road", "both", "--mix", "get,put", "--rounds", "2"]);
    const { comparison } = JSON.parse(both.stdout) as {
      comparison: { rows: { kind: string; road: string; ratio: number; rounds: { wrong: number }[] }[] };
    };
    assert.deepEqual(
      comparison.rows.map(({ kind, road }) => `${kind} ${road}`),
      ["get unary", "get pipe", "put unary", "put pipe"],
    );
    assert.ok(comparison.rows.every(({ ratio, rounds }) => ratio > 0 && rounds.length === 2 && rounds.every(({ wrong }) => wrong === 0)));
  });

  test("a reader that goes away ends a scan without an error", async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => JSON.stringify({ key: `k${i}`, value: "x".repeat(100) }));
    await bigmap(["import", "large", "--quiet"], rows.join("\n"));
    const child = start(["scan", "large", "--endpoint", server.endpoint]);
    const errors = text(child.stderr);
    await once(child.stdout, "data");
    child.stdout.destroy();
    const [exitCode] = (await once(child, "close")) as [number | null];
    assert.deepEqual([exitCode, await errors], [0, ""]);
  });

  test("a full disk behind stdout fails every command that writes there", { skip: noFullDevice }, async () => {
    await bigmap(["put", "full", "k", "v"]);
    for (const args of [["get", "full", "k"], ["get", "full", "k", "--raw"], ["export", "full", "-"], ["stats"], ["--help"]]) {
      const { exitCode, stderr } = await runInto("/dev/full", [...args, "--endpoint", server.endpoint]);
      assert.equal(exitCode, 1, args.join(" "));
      assert.match(
        stderr,
        /^DISK_FULL: Cannot write the output: ENOSPC[^\n]*\n {2}Make room where the output goes[^\n]*\n$/,
        args.join(" "),
      );
    }
  });

  test("stdout that is a file has all of the output", async () => {
    const path = join(folder, "stdout");
    await bigmap(["put", "users", "alice", '{"age":3}']);
    assert.deepEqual(await runInto(path, ["get", "users", "alice", "--endpoint", server.endpoint]), { exitCode: 0, stderr: "" });
    assert.equal(await readFile(path, "utf8"), '{"age":3}\n');
    assert.equal((await runInto(path, ["export", "many", "--quiet", "--endpoint", server.endpoint])).exitCode, 0);
    assert.equal((await readFile(path, "utf8")).trim().split("\n").length, 2_000);
  });

  test("Ctrl-C ends a command that waits with exit code 130", async () => {
    const child = start(["ring", "users", "--watch", "--endpoint", server.endpoint]);
    await once(child.stdout, "data");
    child.kill("SIGINT");
    child.stdout.resume();
    const [exitCode, signal] = (await once(child, "close")) as [number | null, string | null];
    assert.deepEqual([exitCode, signal], [0, null]);
    const waiting = start(["put", "users", "alice", "--endpoint", server.endpoint]);
    const errors = text(waiting.stderr);
    // The command reads its value from a stdin that never ends; it is up when it has taken what is there.
    await new Promise<void>((resolve) => waiting.stdin.write("x".repeat(500_000), () => resolve()));
    waiting.kill("SIGINT");
    const [interrupted] = (await once(waiting, "close")) as [number | null];
    assert.deepEqual([interrupted, (await errors).split("\n")[0]], [130, "CANCELLED: Interrupted"]);
  });

  test("a data folder in use and a port in use are told with their codes", async () => {
    const sameFolder = await run(["start", "--data", join(folder, "data"), "--listen", "127.0.0.1:0", "--log-level", "silent"]);
    assert.deepEqual([sameFolder.exitCode, sameFolder.stderr.split(":")[0]], [1, "DATA_DIR_IN_USE"]);
    const samePort = await run(["start", "--data", join(folder, "other"), "--listen", server.endpoint, "--log-level", "silent"]);
    assert.deepEqual([samePort.exitCode, samePort.stderr.split(":")[0]], [1, "LISTEN_FAILED"]);
  });

  test("SIGTERM stops the server in order with exit code 0, and the entries are there when it starts again", async () => {
    await bigmap(["put", "users", "carol", "kept"]);
    server.child.kill("SIGTERM");
    const [exitCode] = (await once(server.child, "close")) as [number | null];
    assert.equal(exitCode, 0);
    const down = await bigmap(["get", "users", "carol", "--timeout", "500ms", "--json"]);
    assert.deepEqual([down.exitCode, down.stdout], [5, ""]);
    assert.match((JSON.parse(down.stderr) as { error: { code: string } }).error.code, /^(UNAVAILABLE|DEADLINE_EXCEEDED)$/);
    server = await startServerProcess(join(folder, "data"));
    assert.equal((await bigmap(["get", "users", "carol"])).stdout, "kept\n");
  });
});

describe("npm start", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`hands ${signal} on to the server, which stops in order`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "bigmap-cli-"));
      const words = [
        "start",
        "--silent",
        "--",
        "--json",
        "--data",
        folder,
        "--listen",
        "127.0.0.1:0",
        "--memory",
        "64MiB",
        "--log-level",
        "silent",
      ];
      const root = fileURLToPath(new URL("../../../", import.meta.url));
      const npm = spawn("npm", words, { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
      npm.stderr.resume();
      let pid = 0;
      try {
        const lines = createInterface({ input: npm.stdout });
        const [line] = (await once(lines, "line")) as [string];
        pid = (JSON.parse(line) as { pid: number }).pid;
        // Its end closes the pipe, whoever is between.
        const closed = once(npm, "close");
        npm.kill(signal);
        await closed;
        assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
      } finally {
        npm.kill("SIGKILL");
        try {
          if (pid > 0) process.kill(pid, "SIGKILL");
        } catch {
          // It ended, as it should.
        }
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
});
