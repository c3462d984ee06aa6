// Compiles src/, test/ and bench/ to dist/ and copies what the compiler leaves out. Skipped when no input has changed.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { filesBelow } from "./files.mjs";
import { contentDigest, isCurrent, writeStamp } from "./stamp.mjs";

const sourceFolders = ["src", "test", "bench"];
const isCompiled = (path) => path.endsWith(".ts") && !path.endsWith(".d.ts");
const isIgnored = (path) => path.endsWith("/.stamp") || path.startsWith("test/long/records/");

export function isBuilt() {
  const { digest, outputs } = wanted();
  return isCurrent("dist/.stamp", digest, outputs);
}

export function build() {
  const { inputs, outputs, digest } = wanted();
  if (isCurrent("dist/.stamp", digest, outputs)) return;
  process.stderr.write("bigmap setup: compiling ...\n");
  rmSync("dist/.stamp", { force: true });
  removeOrphans(new Set(outputs));
  // The compiler trusts its notes about what it wrote; where an output is gone, the notes have to go as well.
  if (!inputs.filter(isCompiled).every((path) => existsSync(outputOf(path)))) rmSync("dist/.tsbuildinfo", { force: true });
  compile();
  for (const path of inputs.filter((input) => !isCompiled(input))) copy(path, outputOf(path));
  writeStamp("dist/.stamp", digest);
}

function wanted() {
  const inputs = sourceFolders.flatMap(filesBelow).filter((path) => !isIgnored(path));
  const digest = contentDigest([...inputs, "tsconfig.json", "package.json", "package-lock.json", ".ci/build.mjs"]);
  return { inputs, outputs: inputs.map(outputOf), digest };
}

function outputOf(path) {
  return `dist/${isCompiled(path) ? path.replace(/\.ts$/, ".js") : path}`;
}

function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}

// Without this, the test of a deleted source would run for ever.
function removeOrphans(outputs) {
  for (const path of sourceFolders.flatMap((folder) => filesBelow(`dist/${folder}`))) {
    const main = path.replace(/\.(js\.map|d\.ts)$/, ".js");
    if (!outputs.has(path) && !outputs.has(main)) rmSync(path, { force: true });
  }
}

function compile() {
  const result = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], { stdio: ["ignore", 2, 2] });
  if (result.status !== 0) throw new Error("the sources do not compile; the compiler's messages stand above");
}
