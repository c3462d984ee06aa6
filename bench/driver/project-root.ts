import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder with package.json; the compiled files may lie in any folder below it. */
export const projectRoot = find(dirname(fileURLToPath(import.meta.url)));

function find(start: string): string {
  let folder = start;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}
