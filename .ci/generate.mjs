// Generates src/proto/gen from proto/: the static protobufjs module and its types.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const bin = join(dirname(require.resolve("protobufjs-cli/package.json")), "bin");
const sources = readdirSync("proto/bigmap/v1").filter((name) => name.endsWith(".proto")).sort().map((name) => join("proto/bigmap/v1", name));
mkdirSync("src/proto/gen", { recursive: true });
const run = (tool, ...words) => execFileSync(process.execPath, [join(bin, tool), ...words], { stdio: "inherit" });
run("pbjs", "-t", "static-module", "-w", "es6", "--path", "proto", "--no-create", "--no-verify", "--no-delimited", "--force-long", "-o", "src/proto/gen/bigmap.js", ...sources);
run("pbts", "-o", "src/proto/gen/bigmap.d.ts", "src/proto/gen/bigmap.js");
