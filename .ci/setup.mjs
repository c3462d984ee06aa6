// Makes a clone ready to run: installs the packages, generates code from proto/, compiles. Does only what is out of date,
// so it is quick when nothing changed. `npm start`, `npm test`, `npm run bigmap` and `npm run check` call it first. Prints nothing on
// stdout. Node's own modules only.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, isBuilt } from "./build.mjs";
import { generate, isGenerated } from "./generate.mjs";
import { withLock } from "./lock.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
process.chdir(root);

// Settings of the npm that called us which would make the inner `npm ci` do something else.
const misleading = new Set([
  "dry_run",
  "global",
  "include",
  "json",
  "local_prefix",
  "location",
  "lockfile_version",
  "loglevel",
  "omit",
  "only",
  "package_lock",
  "package_lock_only",
  "prefix",
  "production",
  "silent",
  "workspace",
  "workspaces",
]);

try {
  checkNode();
  // Where all is done nobody waits for the lock: the commands of a pipe begin at the same time.
  if (!isAllDone()) {
    await withLock(join(root, ".setup.lock"), () => {
      install();
      generate();
      build();
    });
  }
} catch (error) {
  process.stderr.write(`bigmap setup: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** What another process is writing at this moment cannot be read, and is not done. */
function isAllDone() {
  try {
    return isInstalled() && isGenerated() && isBuilt();
  } catch {
    return false;
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 15)) return;
  throw new Error(`BigMap needs Node 20.15 or newer, this is ${process.versions.node}`);
}

function install() {
  if (isInstalled()) return;
  process.stderr.write("bigmap setup: installing packages (npm ci) ...\n");
  const npmCli = process.env.npm_execpath ?? "";
  const isNpm = /npm-cli\.c?js$/.test(npmCli);
  const words = ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  const options = { stdio: ["ignore", 2, 2], env: npmEnvironment() };
  const result = isNpm
    ? spawnSync(process.execPath, [npmCli, ...words], options)
    : spawnSync("npm", words, { ...options, shell: process.platform === "win32" });
  if (result.error !== undefined) throw new Error(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`npm ci failed (exit code ${String(result.status)}); its messages stand above`);
  if (!isInstalled()) throw new Error("npm ci ended well, but node_modules does not hold what package-lock.json asks for");
}

// npm writes down what it really installed; comparing that with the lock file is exact, where file times are not.
function isInstalled() {
  if (!existsSync("node_modules/.package-lock.json")) return false;
  const wanted = readPackages("package-lock.json");
  const present = readPackages("node_modules/.package-lock.json");
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    const installed = present[path];
    if (installed === undefined) return entry.optional === true || entry.devOptional === true;
    return installed.version === entry.version && existsSync(join(path, "package.json"));
  });
}

function readPackages(path) {
  return JSON.parse(readFileSync(path, "utf8")).packages ?? {};
}

function npmEnvironment() {
  const kept = Object.entries(process.env).filter(([name]) => {
    const lower = name.toLowerCase();
    if (lower === "node_env" || lower === "node_options") return false;
    if (lower.startsWith("npm_package_") || lower.startsWith("npm_lifecycle_")) return false;
    return !(lower.startsWith("npm_config_") && misleading.has(lower.slice("npm_config_".length).replaceAll("-", "_")));
  });
  return Object.fromEntries(kept);
}
