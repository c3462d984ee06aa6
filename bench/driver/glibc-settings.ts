import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./project-root.js";

/** What bin/bigmap sets. All processes of a bench get it, the floors too; Redis and etcd bring allocators of their own. */
export const glibcTunables = process.env["GLIBC_TUNABLES"] ?? settingOf(readFileSync(join(projectRoot, "bin/bigmap"), "utf8"));

function settingOf(script: string): string {
  const setting = /GLIBC_TUNABLES=([^}]+)}/.exec(script)?.[1];
  if (setting === undefined) throw new Error("bin/bigmap sets no GLIBC_TUNABLES");
  return setting;
}
