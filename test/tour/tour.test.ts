import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { limits } from "../../src/index.js";
import { startServer } from "../../src/server/server.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const run = promisify(execFile);

/** The commands between the two marks of the README. */
async function tourCommands(): Promise<string[]> {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const tour = /<!-- tour:[^]*?```sh\n([^]*?)```\n<!-- tour end -->/.exec(readme)?.[1] ?? "";
  return tour.split("\n").filter((line) => line !== "");
}

/** What a command must print; the commands are the README's own. */
const expected: Readonly<Record<string, RegExp>> = {
  "get users alice": /^\{"age":3\}\n$/,
  "scan users": /alice[^]*bob|bob[^]*alice/,
  "ring users": /users: 4 canisters of 4 GiB/,
  "stats users": /2/,
  "export users": /"key":"(alice|bob)"/,
};

test("the README's tour works as printed", async () => {
  const commands = await tourCommands();
  assert.ok(commands.length >= 8, "the tour is in the README");
  const dataDir = await mkdtemp(join(tmpdir(), "bigmap-tour-"));
  const memory = { canisterCapBytes: limits.canisterCapDefaultBytes, memoryBytes: 64 * 2 ** 20 };
  const server = await startServer({ dataDir, listen: "127.0.0.1:0", ...memory, durability: "fsync", logLevel: "silent" });
  const seen = new Set<string>();
  try {
    for (const command of commands) {
      const { stdout } = await run("sh", ["-c", command], { cwd: root, env: { ...process.env, BIGMAP_ENDPOINT: server.address } });
      for (const [words, output] of Object.entries(expected)) {
        if (!command.includes(words)) continue;
        seen.add(words);
        assert.match(stdout, output, command);
      }
    }
    assert.deepEqual([...seen].sort(), Object.keys(expected).sort());
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true });
  }
});
