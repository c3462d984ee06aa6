import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { SubjectKind } from "./subject.js";

type Need = NonNullable<SubjectKind["needs"]>;

/**
 * Makes sure that the program is there. Where this process may, on Debian as root, a missing one is installed. Undefined
 * when it is there, else why not and what to do.
 */
export function installMissing({ program, package: debianPackage }: Need, say: (line: string) => void): string | undefined {
  if (isThere(program)) return undefined;
  const remedy = `${program} is not installed; on Debian: apt-get install ${debianPackage}`;
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version") || !isThere("apt-get")) return remedy;
  say(`${program} is not installed: apt-get install ${debianPackage} ...`);
  const words = ["install", "--yes", "--no-install-recommends", debianPackage];
  if (aptGet(words) || (aptGet(["update"]) && aptGet(words))) return isThere(program) ? undefined : remedy;
  return `${remedy} (which failed here)`;
}

function isThere(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" }).status === 0;
}

function aptGet(words: readonly string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync("apt-get", words, { stdio: ["ignore", "ignore", "inherit"], env }).status === 0;
}
