// Files of the project, as sorted paths with forward slashes.
import { existsSync, readdirSync } from "node:fs";
import { join, sep } from "node:path";

/** All files below the folder; none where there is no such folder. */
export function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath ?? entry.path, entry.name)
        .split(sep)
        .join("/"),
    )
    .sort();
}
