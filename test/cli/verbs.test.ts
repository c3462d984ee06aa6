import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { CommandLine } from "./command-line.js";

describe("put, get and delete", () => {
  test("a value that was put is printed by get, with a newline", async () => {
    const line = new CommandLine();
    assert.deepEqual(
      await line.run(["put", "users", "alice", '{"age":3}']).then(({ exitCode, stdout, stderr }) => [exitCode, stdout, stderr]),
      [0, "", ""],
    );
    const { exitCode, stdout } = await line.run(["get", "users", "alice"]);
    assert.deepEqual([exitCode, stdout], [0, '{"age":3}\n']);
  });

  test("get of an absent key exits with 3 and prints nothing", async () => {
    const line = new CommandLine();
    await line.run(["put", "users", "alice", "x"]);
    const { exitCode, stdout, stderr } = await line.run(["get", "users", "bob"]);
    assert.deepEqual([exitCode, stdout, stderr], [3, "", ""]);
  });

  test("get from a map that is not there exits with 3 and says so", async () => {
    const { exitCode, stdout, stderr } = await new CommandLine().run(["get", "nothing", "bob"]);
    assert.deepEqual([exitCode, stdout], [3, ""]);
    assert.match(stderr, /^MAP_NOT_FOUND: .*nothing.*\n {2}.*bigmap maps/);
  });

  test("--raw prints the value's bytes and nothing else, and --file reads them", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bigmap-cli-"));
    try {
      const bytes = Buffer.from([0, 255, 10, 13, 128]);
      await writeFile(join(folder, "value.bin"), bytes);
      const line = new CommandLine();
      assert.equal((await line.run(["put", "images", "logo", "--file", join(folder, "value.bin")])).exitCode, 0);
      assert.deepEqual((await line.run(["get", "images", "logo", "--raw"])).stdoutBytes, bytes);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("without a value, put takes stdin byte for byte", async () => {
    const line = new CommandLine();
    const bytes = randomBytes(3000);
    await line.run(["put", "m", "k"], bytes);
    assert.deepEqual((await line.run(["get", "m", "k", "--raw"])).stdoutBytes, bytes);
    await line.run(["put", "m", "empty", "-"], "");
    const { exitCode, stdoutBytes } = await line.run(["get", "m", "empty", "--raw"]);
    assert.deepEqual([exitCode, stdoutBytes.length], [0, 0]);
  });

  test("--hex and --base64 carry keys and values that are no text", async () => {
    const line = new CommandLine();
    await line.run(["put", "m", "--hex", "00ff7f", "fffe"]);
    assert.equal((await line.run(["get", "m", "--hex", "00FF7F"])).stdout, "fffe\n");
    assert.equal((await line.run(["get", "m", "--base64", "AP9/"])).stdout, "//4=\n");
    assert.deepEqual(JSON.parse((await line.run(["get", "m", "--base64", "AP9/", "--json"])).stdout), {
      key: "AP9/",
      value: "//4=",
      version: 1,
    });
  });

  test("malformed hexadecimal is a usage error, not a shorter key", async () => {
    for (const text of ["0", "0g", "00ff7", "zz"]) {
      const { exitCode, stderr } = await new CommandLine().run(["put", "m", "--hex", text, "00"]);
      assert.deepEqual([exitCode, stderr.startsWith("INVALID_ARGUMENT: ")], [2, true], text);
    }
  });

  test("a value in JSON output that is no UTF-8 is given as base64 under its own name", async () => {
    const line = new CommandLine();
    await line.run(["put", "m", "k"], Buffer.from([255]));
    assert.deepEqual(JSON.parse((await line.run(["get", "m", "k", "--json"])).stdout), { key: "k", valueBase64: "/w==", version: 1 });
  });

  test("a condition that does not hold exits with 4 and tells the current version", async () => {
    const line = new CommandLine();
    assert.equal((await line.run(["put", "m", "k", "1", "--if-absent"])).exitCode, 0);
    assert.equal((await line.run(["put", "m", "k", "2", "--if-absent"])).exitCode, 4);
    const { exitCode, stderr } = await line.run(["put", "m", "k", "2", "--if-version", "9", "--json"]);
    assert.equal(exitCode, 4);
    const { error } = JSON.parse(stderr) as { error: Record<string, unknown> };
    assert.deepEqual([error["code"], error["currentVersion"], error["retry"]], ["CONDITION_FAILED", 1, "permanent"]);
    assert.equal((await line.run(["delete", "m", "k", "--if-version", "1"])).exitCode, 0);
  });

  test("delete exits with 3 where there was nothing to delete", async () => {
    const line = new CommandLine();
    await line.run(["put", "m", "k", "v"]);
    assert.equal((await line.run(["delete", "m", "k"])).exitCode, 0);
    const { exitCode, stdout } = await line.run(["delete", "m", "k", "--json"]);
    assert.deepEqual([exitCode, JSON.parse(stdout)], [3, { key: "k", existed: false }]);
  });

  test("keys and values past their limits are usage errors", async () => {
    const line = new CommandLine();
    const results = [
      await line.run(["put", "m", "", "v"]),
      await line.run(["put", "m", "k".repeat(4097), "v"]),
      await line.run(["put", "m", "k"], Buffer.alloc(2 ** 20 + 1)),
      await line.run(["put", "no/such name", "k", "v"]),
    ];
    assert.deepEqual(
      results.map(({ exitCode, stderr }) => `${exitCode} ${stderr.split(":")[0]}`),
      ["2 KEY_EMPTY", "2 KEY_TOO_LARGE", "2 VALUE_TOO_LARGE", "2 MAP_NAME_INVALID"],
    );
  });

  test("an error's advice decides the exit code", async () => {
    const line = new CommandLine();
    const codeWith = async (failure: BigMapError): Promise<number> => {
      line.connection.failure = failure;
      return (await line.run(["put", "m", "k", "v", "--timeout", "1ms"])).exitCode;
    };
    assert.equal(await codeWith(new BigMapError("DISK_FULL", "The disk is full")), 5);
    assert.equal(await codeWith(new BigMapError("OUTCOME_UNKNOWN", "The answer got lost")), 6);
    assert.equal(await codeWith(new BigMapError("CANISTER_FULL", "The canister is full")), 1);
  });
});

describe("scan", () => {
  test("prints key, tab and value of every entry with the prefix, in ring order", async () => {
    const line = new CommandLine();
    for (const key of ["a/1", "a/2", "b/1"]) await line.run(["put", "m", key, `value of ${key}`]);
    const { stdout, stderr } = await line.run(["scan", "m", "--prefix", "a/"]);
    assert.deepEqual([stdout, stderr], ["a/2\tvalue of a/2\na/1\tvalue of a/1\n", ""]);
    assert.equal((await line.run(["scan", "m", "--keys-only"])).stdout, "b/1\na/2\na/1\n");
  });

  test("a limited scan goes on with its cursor", async () => {
    const line = new CommandLine();
    for (const key of ["a", "b", "c"]) await line.run(["put", "m", key, key]);
    const first = (await line.run(["scan", "m", "--limit", "2", "--json"])).stdout
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text) as Record<string, string>);
    assert.deepEqual(
      first.slice(0, 2).map(({ key }) => key),
      ["c", "a"],
    );
    const { stdout, stderr } = await line.run(["scan", "m", "--cursor", first[2]?.["cursor"] ?? ""]);
    assert.deepEqual([stdout, stderr], ["b\tb\n", ""]);
    assert.match((await line.run(["scan", "m", "--limit", "1"])).stderr, /^There is more: --cursor \S+\n$/);
  });
});

describe("maps, stats, ring and split", () => {
  test("create, maps, clear and drop", async () => {
    const line = new CommandLine();
    assert.equal((await line.run(["create", "users", "--canister-cap", "1MiB", "--initial-canisters", "2"])).exitCode, 0);
    assert.equal((await line.run(["create", "users"])).exitCode, 4);
    assert.equal((await line.run(["maps"])).stdout, "users  (canisters of 1 MiB)\n");
    await line.run(["put", "users", "a", "1"]);
    assert.equal((await line.run(["clear", "users"])).stdout, "1 entry deleted\n");
    assert.equal((await line.run(["drop", "users"])).exitCode, 0);
    assert.equal((await line.run(["drop", "users"])).exitCode, 3);
  });

  test("stats tells entries, bytes and canisters, as lines and as JSON", async () => {
    const line = new CommandLine();
    assert.match((await line.run(["stats"])).stdout, /no maps yet/);
    await line.run(["put", "users", "alice", "12345"]);
    assert.equal((await line.run(["stats"])).stdout, "users: 1 entry · 42 B · 4 canisters of 4 MiB\n");
    const lines = (await line.run(["stats", "users"])).stdout.split("\n");
    assert.equal(lines.length, 6);
    assert.ok(lines.some((each) => each.includes(" · 1 entry · 42 B · ")));
    assert.ok(lines.every((each) => !each.includes(" 1 entries") && !each.includes(" 1 updates")));
    const { maps } = JSON.parse((await line.run(["stats", "--json"])).stdout) as { maps: { entries: number; canisters: unknown[] }[] };
    assert.deepEqual([maps[0]?.entries, maps[0]?.canisters.length], [1, 4]);
  });

  test("split cuts where it is told, and the ring shows it", async () => {
    const line = new CommandLine();
    await line.run(["put", "users", "alice", "1"]);
    const { stdout } = await line.run(["split", "#1", "--at", "2000000000000000"]);
    assert.equal(stdout, "#1 and #5, cut at 2000000000000000; ring version 2\n");
    const ring = (await line.run(["ring", "users"])).stdout;
    assert.match(ring, /^users: 5 canisters of 4 MiB · 1 entry · 38 B · ring version 2\n/);
    assert.match(ring, /0000000000000000\.\.1fffffffffffffff +#1 +serving/);
    assert.equal((await line.run(["split", "77"])).exitCode, 3);
    assert.equal((await line.run(["split", "1", "--at", "123"])).exitCode, 2);
  });

  test("ring --watch prints each new version until it is interrupted", async () => {
    const line = new CommandLine();
    await line.run(["create", "users"]);
    const interrupt = new AbortController();
    const watching = line.run(["ring", "users", "--watch", "--json"], "", interrupt.signal);
    await line.connection.splitCanister(1, undefined);
    await afterTurns(50);
    interrupt.abort();
    const { stdout } = await watching;
    const versions = stdout
      .trim()
      .split("\n")
      .map((text) => (JSON.parse(text) as { ringVersion: number }).ringVersion);
    assert.equal(versions.at(-1), 2);
  });
});

async function afterTurns(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}
