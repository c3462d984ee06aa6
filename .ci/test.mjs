// Runs the compiled tests. `npm test` runs all, `npm test -- canister ring` those whose path holds one of the words. The long runs
// in test/long have commands of their own.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { filesBelow } from "./files.mjs";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));
const words = process.argv.slice(2).filter((word) => !word.startsWith("-"));
const flags = process.argv.slice(2).filter((word) => word.startsWith("-"));
const files = filesBelow("dist/test")
  .filter((path) => path.endsWith(".test.js") && !path.startsWith("dist/test/long/"))
  .filter((path) => words.length === 0 || words.some((word) => path.slice("dist/test/".length).includes(word)));
if (files.length === 0) {
  process.stderr.write(`No test matches ${words.join(" ") || "dist/test"}\n`);
  process.exit(1);
}
const settings = ["--enable-source-maps", "--test", "--test-concurrency=2", "--test-timeout=300000", "--test-reporter=spec"];
const result = spawnSync(process.execPath, [...settings, ...flags, ...files], { stdio: "inherit" });
process.exit(result.status ?? 1);
