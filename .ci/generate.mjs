// Generates from proto/ the static protobufjs module of src/proto/gen with its types, and test/gen: the messages of a
// client that is not ours (Connect), with which the tests talk to the server. Skipped when proto/ has not changed.
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { filesBelow } from "./files.mjs";
import { contentDigest, isCurrent, writeStamp } from "./stamp.mjs";

const outDir = "src/proto/gen";

/** The tools must be installed. */
export function isGenerated() {
  const { digest, outputs } = wanted();
  return isCurrent(`${outDir}/.stamp`, digest, outputs);
}

export function generate() {
  const { protos, digest, outputs } = wanted();
  if (isCurrent(`${outDir}/.stamp`, digest, outputs)) return;
  process.stderr.write("bigmap setup: generating code from proto/ ...\n");
  mkdirSync(outDir, { recursive: true });
  // Written under another name first: a generation that is interrupted must not leave half a module behind.
  const draft = `${outDir}/draft.${process.pid}`;
  const form = ["-t", "static-module", "-w", "es6", "--path", "proto", "--no-create", "--no-verify", "--no-delimited", "--force-long"];
  run("protobufjs-cli", "bin/pbjs", ...form, "-o", `${draft}.js`, ...protos);
  run("protobufjs-cli", "bin/pbts", "-o", `${draft}.d.ts`, `${draft}.js`);
  renameSync(`${draft}.js`, `${outDir}/bigmap.js`);
  renameSync(`${draft}.d.ts`, `${outDir}/bigmap.d.ts`);
  generateConnect();
  writeStamp(`${outDir}/.stamp`, digest);
}

function wanted() {
  const protos = filesBelow("proto").filter((path) => path.endsWith(".proto"));
  const tools = ["node_modules/protobufjs-cli/package.json", "node_modules/@bufbuild/protoc-gen-es/package.json"];
  const digest = contentDigest([...protos, ".ci/generate.mjs", ...tools]);
  const outputs = [`${outDir}/bigmap.js`, `${outDir}/bigmap.d.ts`, ...protos.map(connectOutputOf)];
  return { protos, digest, outputs };
}

function connectOutputOf(proto) {
  return proto.replace(/^proto\//, "test/gen/").replace(/\.proto$/, "_pb.ts");
}

function generateConnect() {
  const plugin = [process.execPath, join(packageDir("@bufbuild/protoc-gen-es"), "bin/protoc-gen-es")];
  const template = { version: "v2", plugins: [{ local: plugin, out: "test/gen", opt: ["target=ts", "import_extension=js"] }] };
  run("@bufbuild/buf", "bin/buf", "generate", "--template", JSON.stringify(template));
}

function run(packageName, tool, ...words) {
  execFileSync(process.execPath, [join(packageDir(packageName), tool), ...words], { stdio: ["ignore", 2, 2] });
}

function packageDir(packageName) {
  return dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) generate();
