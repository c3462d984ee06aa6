import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { exitCodeHelp } from "../../src/cli/exit-codes.js";
import { CommandLine } from "./command-line.js";

const verbs = [
  "start",
  "put",
  "get",
  "delete",
  "scan",
  "import",
  "export",
  "maps",
  "create",
  "clear",
  "drop",
  "stats",
  "ring",
  "split",
  "bench",
];

describe("help", () => {
  test("the main help names every verb and every exit code", async () => {
    const { exitCode, stdout } = await new CommandLine().run(["--help"]);
    assert.equal(exitCode, 0);
    for (const verb of verbs) assert.match(stdout, new RegExp(`^  ${verb}( |$)`, "m"), verb);
    for (const [code, text] of exitCodeHelp) assert.ok(stdout.includes(`  ${code}  ${text}`), text);
  });

  for (const verb of verbs) {
    test(`the help of ${verb} has an example and the options that all verbs take`, async () => {
      const { exitCode, stdout, stderr } = await new CommandLine().run([verb, "--help"]);
      assert.deepEqual([exitCode, stderr], [0, ""]);
      assert.match(stdout, new RegExp(`Examples?:\\n(.*\\n)*.*bigmap ${verb}`));
      assert.match(stdout, /--endpoint <host:port>[^]*--json/);
      // A line that is a little too long for the terminal leaves a line of one word.
      const description = stdout.split("\n\n")[1] ?? "";
      assert.doesNotMatch(description, /\n\S+\n/);
      assert.doesNotMatch(stdout, /^.{121}/m, "a line is wider than a terminal of 120 columns");
    });
  }

  for (const verb of verbs) {
    test(`every default that the help of ${verb} shows may be typed`, async () => {
      const { stdout } = await new CommandLine().run([verb, "--help"]);
      const defaults = [...stdout.replace(/\s+/g, " ").matchAll(/(--[a-z-]+) <[^>]+>(?:(?! --)[^])*?\(default: ([^,)]+)/g)];
      assert.ok(defaults.some(([, option]) => option === "--timeout"));
      for (const [, option = "", shown = ""] of defaults) {
        const typed = shown.replaceAll('"', "");
        const { exitCode, stderr } = await new CommandLine().run([verb, option, typed, "--help"]);
        assert.deepEqual([exitCode, stderr], [0, ""], `${option} ${typed}`);
      }
    });
  }

  test("the help of import says which numbers may be rounded, and how rows of one key are counted", async () => {
    const help = (await new CommandLine().run(["import", "--help"])).stdout.replace(/\s+/g, " ");
    assert.match(help, /JSON numbers with more than 15 digits in values may be rounded/);
    assert.match(help, /Of several rows with one key the last one stays\. Each of them counts/);
  });

  test("--version prints the version", async () => {
    const { exitCode, stdout } = await new CommandLine().run(["--version"]);
    assert.deepEqual([exitCode, stdout], [0, "1.2.3\n"]);
  });
});

describe("a wrong command line", () => {
  const wrong: readonly (readonly string[])[] = [
    [],
    ["nosuch"],
    ["get"],
    ["get", "users"],
    ["get", "users", "a", "b"],
    ["get", "users", "a", "--nosuch"],
    ["put", "m", "k", "v", "--if-version", "x"],
    ["put", "m", "k", "v", "--if-absent", "--if-version", "1"],
    ["get", "m", "k", "--hex", "--base64"],
    ["scan", "m", "--limit", "0"],
    ["import", "m", "--format", "xml"],
    ["import", "m", "--value", "v", "--whole-row"],
    ["bench", "--mix", "nosuch=1"],
    ["bench", "--duration", "10"],
    ["bench", "--workload", "e"],
    ["bench", "--value-bytes", "2MiB"],
    ["create", "m", "--canister-cap", "big"],
    ["stats", "--endpoint", "nowhere"],
    ["start", "--durability", "never"],
    ["start", "--listen", "7400"],
  ];
  for (const args of wrong) {
    test(`"bigmap ${args.join(" ")}" exits with 2 and says why on stderr`, async () => {
      const { exitCode, stdout, stderr } = await new CommandLine().run(args);
      assert.deepEqual([exitCode, stdout], [2, ""]);
      assert.match(stderr, args.length === 0 ? /Usage: bigmap/ : /^USAGE: .+\n {2}/);
    });
  }

  test("with --json the error is one JSON object", async () => {
    const { exitCode, stderr } = await new CommandLine().run(["--json", "get", "users"]);
    assert.equal(exitCode, 2);
    assert.equal((JSON.parse(stderr) as { error: { code: string } }).error.code, "USAGE");
  });

  test("a misspelt verb is answered with the one that was meant", async () => {
    assert.match((await new CommandLine().run(["exprot", "users"])).stderr, /Did you mean export/);
  });
});
