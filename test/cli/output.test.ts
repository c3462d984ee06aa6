import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FileOutput, type WriteSome } from "../../src/cli/file-output.js";
import { flush, write } from "../../src/cli/terminal.js";
import { Collected, CommandLine } from "./command-line.js";

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: as the system says it`), { code });
}

/** A stdout that fails when it was given more than `roomBytes`. */
class Failing extends Collected {
  #roomBytes: number;
  readonly #code: string;

  constructor(code: string, roomBytes = 0) {
    super();
    this.#code = code;
    this.#roomBytes = roomBytes;
    this.on("error", () => undefined);
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error) => void): void {
    this.#roomBytes -= chunk.length;
    if (this.#roomBytes < 0) callback(systemError(this.#code));
    else super._write(chunk, encoding, callback);
  }
}

/** A disk with room for so many bytes, which takes a part of what it is given, and what it took. */
function smallDisk(roomBytes: number): { writeSome: WriteSome; taken: Buffer[] } {
  const taken: Buffer[] = [];
  let room = roomBytes;
  return {
    taken,
    writeSome(bytes, start) {
      const some = Buffer.from(bytes.subarray(start, start + Math.min(room, 10)));
      if (some.length === 0) throw systemError("ENOSPC");
      room -= some.length;
      taken.push(some);
      return some.length;
    },
  };
}

describe("stdout", () => {
  const verbs: readonly (readonly string[])[] = [
    ["get", "m", "k"],
    ["get", "m", "k", "--raw"],
    ["get", "m", "k", "--json"],
    ["scan", "m"],
    ["maps"],
    ["stats"],
    ["ring", "m"],
    ["export", "m", "--quiet"],
    ["export", "m", "-", "--quiet"],
    ["import", "m", "--json", "--quiet"],
    ["--help"],
    ["get", "--help"],
    ["--version"],
  ];
  for (const args of verbs) {
    test(`that is full fails "bigmap ${args.join(" ")}" with DISK_FULL, and one whose reader went away does not`, async () => {
      const line = new CommandLine();
      await line.run(["put", "m", "k", "v"]);
      for (const code of ["ENOSPC", "EDQUOT"]) {
        const { exitCode, stderr } = await line.run(args, "", undefined, new Failing(code));
        assert.equal(exitCode, 1);
        assert.match(stderr, new RegExp(`DISK_FULL.*Cannot write the output: ${code}: [^]*Make room where the output goes`));
      }
      for (const code of ["EPIPE", "ECONNRESET"]) {
        const { exitCode, stderr } = await line.run(args, "", undefined, new Failing(code));
        assert.deepEqual([exitCode, stderr], [0, ""]);
      }
    });
  }

  test("that fails for another reason is told with that reason", async () => {
    const line = new CommandLine();
    await line.run(["put", "m", "k", "v"]);
    const { exitCode, stderr } = await line.run(["get", "m", "k", "--json"], "", undefined, new Failing("EIO"));
    const { error } = JSON.parse(stderr) as { error: Record<string, string> };
    assert.deepEqual([exitCode, error["code"], error["retry"]], [1, "INTERNAL", "permanent"]);
    assert.match(error["message"] ?? "", /^Cannot write the output: EIO/);
    assert.match(error["hint"] ?? "", /room and permission/);
  });

  test("that gets full under way fails the command too", async () => {
    const line = new CommandLine();
    for (let i = 0; i < 10; i++) await line.run(["put", "m", `key ${i}`, "v"]);
    const stdout = new Failing("ENOSPC", 30);
    const { exitCode } = await line.run(["scan", "m"], "", undefined, stdout);
    assert.deepEqual([exitCode, stdout.bytes.toString().split("\n").length], [1, 4]);
  });

  test("that nobody reads leaves the exit code of a command that has nothing to say", async () => {
    const line = new CommandLine();
    await line.run(["put", "m", "k", "v"]);
    const stdout = new Failing("EPIPE");
    stdout.destroy(systemError("EPIPE"));
    assert.equal((await line.run(["get", "m", "absent"], "", undefined, stdout)).exitCode, 3);
  });

  test("what failed while nothing waited for it is the interrupt's reason, and the command's error", async () => {
    const line = new CommandLine();
    const interrupt = new AbortController();
    await assert.rejects(write(new Failing("ENOSPC"), "x"), (error) => {
      interrupt.abort(error);
      return true;
    });
    const { exitCode, stderr } = await line.run(["maps"], "", interrupt.signal);
    assert.deepEqual([exitCode, stderr.split(":")[0]], [1, "DISK_FULL"]);
  });
});

describe("stdout where it is a file", () => {
  test("is written whole where the system takes a part at a time", async () => {
    const { writeSome, taken } = smallDisk(1_000);
    const output = new FileOutput(writeSome);
    const text = "0123456789abcdef".repeat(20);
    await write(output, text);
    await flush(output);
    assert.deepEqual([Buffer.concat(taken).toString(), taken.length], [text, 32]);
  });

  test("fails where the disk has room for a part of the last bytes only", async () => {
    const { writeSome, taken } = smallDisk(25);
    const output = new FileOutput(writeSome).on("error", () => undefined);
    // As a help is written: nobody waits.
    output.write("x".repeat(30));
    await assert.rejects(flush(output), { code: "DISK_FULL", retry: "permanent" });
    assert.equal(Buffer.concat(taken).length, 25);
    await assert.rejects(write(output, "more"), { code: "DISK_FULL" });
  });
});
