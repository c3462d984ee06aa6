// Generates src/proto/gen from proto/: the static protobufjs module and its types. Skipped when proto/ has not changed.
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { filesBelow } from "./files.mjs";
import { contentDigest, isCurrent, writeStamp } from "./stamp.mjs";

const outDir = "src/proto/gen";

export function generate() {
  const protos = filesBelow("proto").filter((path) => path.endsWith(".proto"));
  const digest = contentDigest([...protos, ".ci/generate.mjs", "node_modules/protobufjs-cli/package.json"]);
  const outputs = [`${outDir}/bigmap.js`, `${outDir}/bigmap.d.ts`];
  if (isCurrent(`${outDir}/.stamp`, digest, outputs)) return;
  process.stderr.write("bigmap setup: generating code from proto/ ...\n");
  mkdirSync(outDir, { recursive: true });
  // Written under another name first: a generation that is interrupted must not leave half a module behind.
  const draft = `${outDir}/draft.${process.pid}`;
  const form = ["-t", "static-module", "-w", "es6", "--path", "proto", "--no-create", "--no-verify", "--no-delimited", "--force-long"];
  run("pbjs", ...form, "-o", `${draft}.js`, ...protos);
  run("pbts", "-o", `${draft}.d.ts`, `${draft}.js`);
  renameSync(`${draft}.js`, `${outDir}/bigmap.js`);
  renameSync(`${draft}.d.ts`, `${outDir}/bigmap.d.ts`);
  writeStamp(`${outDir}/.stamp`, digest);
}

function run(tool, ...words) {
  const require = createRequire(import.meta.url);
  const bin = join(dirname(require.resolve("protobufjs-cli/package.json")), "bin");
  execFileSync(process.execPath, [join(bin, tool), ...words], { stdio: ["ignore", 2, 2] });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) generate();
