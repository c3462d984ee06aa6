// `npm run check`: every check, each to its end, then a summary. `npm run fix` (`--fix`) mends what a machine can mend.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));
const buf = "node_modules/@bufbuild/buf/bin/buf";
const eslint = "node_modules/eslint/bin/eslint.js";
const tsc = "node_modules/typescript/bin/tsc";
const prettier = "node_modules/prettier/bin/prettier.cjs";
const formatted = ["src/**/*.ts", "test/**/*.ts", "bench/**/*.ts", ".ci/*.mjs", "eslint.config.js"];

const checks = [
  ["type check", [tsc, "--noEmit", "--incremental", "false", "-p", "tsconfig.json"]],
  ["lint", [eslint, "--max-warnings", "0", "."]],
  ["format", [prettier, "--log-level", "warn", "--check", ...formatted]],
  ["buf lint", [buf, "lint"]],
  ["buf format", [buf, "format", "--diff", "--exit-code"]],
  ["layers and style", [".ci/test.mjs", "house/"]],
];
const fixes = [
  ["lint", [eslint, "--fix", "."]],
  ["format", [prettier, "--log-level", "warn", "--write", ...formatted]],
  ["buf format", [buf, "format", "--write"]],
  ["errors page", [".ci/errors-page.mjs"]],
];

const failed = (process.argv.includes("--fix") ? fixes : checks).filter(([name, words]) => !passes(name, words));
if (failed.length > 0) {
  process.stderr.write(`Failed: ${failed.map(([name]) => name).join(", ")}\n`);
  process.exitCode = 1;
}

function passes(name, words) {
  const started = performance.now();
  process.stderr.write(`== ${name}\n`);
  const { status } = spawnSync(process.execPath, words, { stdio: ["ignore", "inherit", "inherit"] });
  process.stderr.write(`== ${name}: ${status === 0 ? "passed" : "FAILED"} in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  return status === 0;
}
