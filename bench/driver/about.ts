import { spawnSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { projectRoot } from "./project-root.js";
import type { About } from "./results.js";

/**
 * The machine, the versions and the commit of this run. `folder`: where its data lies. `packages`: whose versions are named,
 * as name in the record and name of the package.
 */
export function aboutThisRun(folder: string, packages: Readonly<Record<string, string>>): About {
  const versions = Object.entries(packages).map(([name, path]): [string, string] => [name, packageVersion(join("node_modules", path))]);
  return {
    startedAt: new Date().toISOString(),
    commit: commit(),
    machine: {
      cpuModel: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryBytes: totalmem(),
      kernel: `${type()} ${release()}`,
      disk: fileSystemOf(folder),
    },
    versions: { bigmap: packageVersion("."), node: process.version, ...Object.fromEntries(versions) },
  };
}

/** First line of what a program says of its version. */
export function programVersion(command: string): string {
  const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  const line = status === 0 ? (stdout.split("\n")[0] ?? "") : "";
  return /v=(\S+)/.exec(line)?.[1] ?? /(\d+\.\d+\.\d+)/.exec(line)?.[1] ?? "unknown";
}

/** With a `+` where files were changed since. */
function commit(): string {
  const head = git("rev-parse", "HEAD");
  return head === "" ? "unknown" : head + (git("status", "--porcelain", "--untracked-files=no") === "" ? "" : "+");
}

function git(...words: readonly string[]): string {
  const { status, stdout } = spawnSync("git", words, { cwd: projectRoot, encoding: "utf8" });
  return status === 0 ? stdout.trim() : "";
}

function packageVersion(folder: string): string {
  return (JSON.parse(readFileSync(join(projectRoot, folder, "package.json"), "utf8")) as { readonly version: string }).version;
}

/** Kind of the file system, and its device: an fsync costs nothing in main memory. Linux only. */
function fileSystemOf(folder: string): string {
  try {
    const path = realpathSync(folder);
    const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
    const fields = mounts.map((line) => line.split(" ")).filter(([, place]) => place !== undefined && isBelow(path, place));
    const [device, , kind] = fields.sort((left, right) => (right[1]?.length ?? 0) - (left[1]?.length ?? 0))[0] ?? [];
    return kind === undefined ? "unknown" : `${kind} on ${device}`;
  } catch {
    return "unknown";
  }
}

function isBelow(path: string, place: string): boolean {
  return place === "/" || path === place || path.startsWith(`${place}/`);
}
