import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { access, constants, open, realpath, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { BigMapError } from "../../base/errors.js";
import { outputError } from "../terminal.js";

/**
 * The file of an export. It is written beside its place, in a file whose name ends with .part, and takes its place when it is whole and on
 * the disk: whatever ends the export before leaves the earlier file of that name as it was. What is no regular file, such as a device, a
 * pipe or /dev/stdout, is written directly.
 */
export class ExportFile {
  readonly #path: string;
  #place: Place | undefined;
  /** Also while it is not known yet whether it succeeds. */
  #opening: Promise<FileHandle> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Call it first, and once. Errors: INVALID_ARGUMENT where no such file can be written; DISK_FULL. */
  async open(): Promise<void> {
    try {
      this.#place = await placeOf(this.#path);
      const { part, earlier } = this.#place;
      this.#opening = part === undefined ? open(this.#path, "w") : open(part, "wx", earlier?.mode);
      const file = await this.#opening;
      if (part !== undefined && earlier !== undefined) await copyRights(earlier, file);
    } catch (error) {
      throw openError(error as Error, this.#path);
    }
  }

  /** Resolves when the system has the text. Errors: as `outputError`. */
  async write(text: string): Promise<void> {
    await this.#attempt(async (file) => file.appendFile(text));
  }

  /** Puts the file in its place. Errors: as `outputError`. */
  async commit(): Promise<void> {
    await this.#attempt(async (file) => {
      const { part, path } = this.#place as Place;
      if (part !== undefined) await file.sync();
      await file.close();
      if (part !== undefined) await rename(part, path);
    });
  }

  /** Leaves nothing behind, whatever was done before; but a device or a pipe keeps what it was given. */
  async discard(): Promise<void> {
    const part = this.#place?.part;
    const closed = this.#opening?.then((file) => file.close()).catch(() => undefined);
    // A pipe that nobody reads may never open or close.
    if (part === undefined) return;
    await closed;
    await rm(part, { force: true }).catch(() => undefined);
  }

  async #attempt(work: (file: FileHandle) => Promise<void>): Promise<void> {
    try {
      await work((await this.#opening) as FileHandle);
    } catch (error) {
      throw outputError(error as Error, this.#path);
    }
  }
}

/** Where the file goes. */
interface Place {
  /** Behind all symbolic links, which stay. */
  readonly path: string;
  /** Where it is written first; undefined where it is written directly. */
  readonly part: string | undefined;
  /** What is there now. */
  readonly earlier: Stats | undefined;
}

async function placeOf(given: string): Promise<Place> {
  const earlier = await stat(given).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (earlier?.isDirectory() === true) {
    throw new BigMapError("INVALID_ARGUMENT", `${given} is a folder`, { hint: "Name a file; it need not be there yet." });
  }
  if (earlier !== undefined && (!earlier.isFile() || (await isOpenFile(given)))) return { path: given, part: undefined, earlier };
  const path = earlier === undefined ? given : await realpath(given);
  if (earlier !== undefined) await access(path, constants.W_OK);
  // Of one name there may be several exports at a time, and parts of exports that were killed.
  const part = join(dirname(path), `${basename(path)}.${randomBytes(4).toString("hex")}.part`);
  return { path, part, earlier };
}

/** Whether it is a name such as /dev/stdout, for a file that somebody has open: to him another file in its place would be of no use. */
async function isOpenFile(path: string): Promise<boolean> {
  const folder = await realpath(dirname(path));
  return folder === "/dev" || folder === "/dev/fd" || folder.startsWith("/proc/");
}

/** The owner stays where this user may give files away. */
async function copyRights(earlier: Stats, file: FileHandle): Promise<void> {
  await file.chown(earlier.uid, earlier.gid).catch(() => undefined);
  await file.chmod(earlier.mode);
}

function openError(error: Error, path: string): Error {
  const failure = outputError(error, path);
  if (!(failure instanceof BigMapError) || failure.code !== "INTERNAL") return failure;
  return new BigMapError("INVALID_ARGUMENT", failure.message, {
    cause: error,
    hint: "Check that its folder is there, and that this user may write there.",
  });
}
