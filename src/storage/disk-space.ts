import { statfs } from "node:fs/promises";

/** The port to the free space of a disk. */
export interface DiskSpace {
  /** Bytes that this user may still write. */
  freeBytes(): Promise<number>;
}

/** Of the file system that holds `folder`, which must exist. Errors: those of the file system as they come. */
export function folderDiskSpace(folder: string): DiskSpace {
  return {
    async freeBytes() {
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    },
  };
}
