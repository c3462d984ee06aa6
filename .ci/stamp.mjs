// A stamp file holds the digest of the inputs of the last good run of a step.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** Digest of the names and contents of the files. */
export function contentDigest(paths) {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(path).update("\0").update(readFileSync(path)).update("\0");
  return hash.digest("hex");
}

export function isCurrent(stampPath, digest, outputs) {
  return existsSync(stampPath) && readFileSync(stampPath, "utf8") === digest && outputs.every((path) => existsSync(path));
}

export function writeStamp(stampPath, digest) {
  writeFileSync(stampPath, digest);
}
