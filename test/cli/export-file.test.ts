import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import type { ScanPage } from "../../src/base/scan-page.js";
import { ExportFile } from "../../src/cli/transfer/export-file.js";
import { CommandLine } from "./command-line.js";

const earlier = "what an earlier export wrote\n";
const rows = '{"key":"k","value":"v"}\n';
const noFullDevice = existsSync("/dev/full") ? false : "there is no /dev/full";

describe("the file of an export", () => {
  let folder = "";
  let file = "";
  let line: CommandLine;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "bigmap-cli-"));
    file = join(folder, "m.ndjson");
    line = new CommandLine();
    await line.run(["put", "m", "k", "v"]);
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** What the next scan is answered with. */
  const scanAnswers = (answer: () => Promise<ScanPage>): void => {
    line.connection.scanPage = answer;
  };

  test("takes the place of the earlier one when it is whole, with its rights", async () => {
    await writeFile(file, earlier);
    await chmod(file, 0o606);
    const written = new ExportFile(file);
    await written.open();
    await written.write("a\n");
    assert.equal(await readFile(file, "utf8"), earlier);
    const [, part] = (await readdir(folder)).sort();
    assert.match(part ?? "", /^m\.ndjson\.[0-9a-f]{8}\.part$/);
    await written.write("b\n");
    await written.commit();
    assert.deepEqual([await readdir(folder), await readFile(file, "utf8")], [["m.ndjson"], "a\nb\n"]);
    assert.equal((await stat(file)).mode & 0o777, 0o606);
  });

  test("replaces the file behind a symbolic link, and not the link", async () => {
    await writeFile(file, earlier);
    const link = join(folder, "latest");
    await symlink("m.ndjson", link);
    assert.equal((await line.run(["export", "m", link])).exitCode, 0);
    assert.deepEqual([await readFile(file, "utf8"), (await lstat(link)).isSymbolicLink()], [rows, true]);
  });

  test("is as it was after an export that failed, and nothing is left beside it", async () => {
    await writeFile(file, earlier);
    scanAnswers(() => Promise.reject(new BigMapError("UNAVAILABLE", "The server died", { retry: "permanent" })));
    for (const args of [[], ["--prefix", "k"]]) {
      const { exitCode, stderr } = await line.run(["export", "m", file, ...args]);
      assert.deepEqual([exitCode, stderr.split(":")[0]], [1, "UNAVAILABLE"]);
      assert.deepEqual([await readdir(folder), await readFile(file, "utf8")], [["m.ndjson"], earlier]);
    }
    assert.equal((await line.run(["export", "absent", file])).exitCode, 3);
    assert.equal(await readFile(file, "utf8"), earlier);
  });

  test("is as it was after Ctrl-C, and nothing is left beside it, even while the server does not answer", async () => {
    await writeFile(file, earlier);
    const interrupt = new AbortController();
    scanAnswers(() => {
      interrupt.abort();
      return new Promise(() => undefined);
    });
    const { exitCode, stderr } = await line.run(["export", "m", file], "", interrupt.signal);
    assert.deepEqual([exitCode, stderr.split("\n")[0]], [130, "CANCELLED: Interrupted"]);
    assert.deepEqual([await readdir(folder), await readFile(file, "utf8")], [["m.ndjson"], earlier]);
  });

  test("that is new is not there after an export that failed", async () => {
    scanAnswers(() => Promise.reject(new BigMapError("UNAVAILABLE", "The server died", { retry: "permanent" })));
    assert.equal((await line.run(["export", "m", file])).exitCode, 1);
    assert.deepEqual(await readdir(folder), []);
  });

  test("that cannot be put in its place fails with a typed error, and leaves nothing beside it", async () => {
    const written = new ExportFile(file);
    await written.open();
    await written.write("a\n");
    await rm(join(folder, (await readdir(folder))[0] ?? ""));
    await assert.rejects(written.commit(), { code: "INTERNAL", retry: "permanent" });
    await written.discard();
    assert.deepEqual(await readdir(folder), []);
  });

  test("on a full disk fails with DISK_FULL", { skip: noFullDevice }, async () => {
    const { exitCode, stderr } = await line.run(["export", "m", "/dev/full"]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /^DISK_FULL: Cannot write \/dev\/full: ENOSPC[^\n]*\n {2}Make room where the output goes/);
    assert.ok((await stat("/dev/full")).isCharacterDevice());
  });

  test("is written directly where it is a pipe", { skip: process.platform === "win32" }, async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const [read, { exitCode }] = await Promise.all([readFile(pipe, "utf8"), line.run(["export", "m", pipe])]);
    assert.deepEqual([exitCode, read, await readdir(folder)], [0, rows, ["pipe"]]);
  });

  test("cannot be a folder, and its own folder must be there: usage errors with a hint that fits", async () => {
    for (const path of [folder, join(folder, "no-such-folder", "m.csv")]) {
      const { exitCode, stderr } = await line.run(["export", "m", path]);
      assert.deepEqual([exitCode, stderr.startsWith("INVALID_ARGUMENT: ")], [2, true]);
      assert.match(stderr, /\n {2}(Name a file|Check that its folder is there)/);
    }
    assert.deepEqual(await readdir(folder), []);
  });

  test("and what becomes of an earlier one are in the help", async () => {
    const help = (await line.run(["export", "--help"])).stdout.replace(/\s+/g, " ");
    assert.match(
      help,
      /appears under its name when it is whole .* ends with \.part\. .* interrupted, an earlier file of that name stays as it was/,
    );
  });
});
