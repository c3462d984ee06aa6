import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BigMapError } from "../../src/index.js";

/** A disk of a size that tests choose. */
export interface SmallDisk {
  readonly folder: string;
  resize(sizeMib: number): void;
  remove(): Promise<void>;
}

/** Mounts a tmpfs. Errors: UNIMPLEMENTED where this user may not mount: a full disk cannot be tested without one. */
export async function mountSmallDisk(sizeMib: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), "bigmap-small-disk-"));
  const remove = async (): Promise<void> => {
    spawnSync("umount", [folder]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    mount(["-t", "tmpfs", "-o", `size=${sizeMib}m`, "bigmap-test", folder]);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    folder,
    remove,
    resize: (newSizeMib) => mount(["-o", `remount,size=${newSizeMib}m`, folder]),
  };
}

function mount(words: readonly string[]): void {
  const { status, stderr, error } = spawnSync("mount", words, { encoding: "utf8" });
  if (status === 0) return;
  const needed = "This test needs a small disk: run it on Linux as root, in a container that may mount (--cap-add SYS_ADMIN)";
  throw new BigMapError("UNIMPLEMENTED", `${needed}. mount said: ${error?.message ?? stderr.trim()}`);
}
