import { once } from "node:events";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { BigMapError } from "../../base/errors.js";
import { inputError, type Terminal } from "../terminal.js";
import { fileReadBytes } from "./row-stream.js";

/** Where the rows of an import come from. */
export interface ImportSource {
  readonly stream: Readable;
  /** Undefined where nobody knows, as with stdin. */
  readonly sizeBytes: number | undefined;
  /** How much was read until now; counted where the size is known. */
  readonly readBytes: () => number;
}

/** Opens the file, or stdin with "-" or nothing. Errors: INVALID_ARGUMENT where it cannot be read, or is compressed. */
export async function openSource({ stdin, signal }: Pick<Terminal, "stdin" | "signal">, file: string | undefined): Promise<ImportSource> {
  const isStdin = file === undefined || file === "-";
  const source = isStdin ? { stream: stdin, sizeBytes: undefined, readBytes: () => 0 } : await openFile(file);
  if (await isCompressed(source.stream, signal, isStdin ? "stdin" : file)) {
    source.stream.destroy();
    throw new BigMapError("INVALID_ARGUMENT", `${isStdin ? "The input" : file} is compressed with gzip`, {
      hint: "Unpack it on the way, with --format if it is not NDJSON: zcat FILE | bigmap import MAP - --format csv",
    });
  }
  return source;
}

async function openFile(file: string): Promise<ImportSource> {
  const found = await stat(file).catch((error: Error) => {
    throw inputError(error, file);
  });
  if (found.isDirectory()) {
    throw new BigMapError("INVALID_ARGUMENT", `${file} is a folder`, {
      hint: "Name a file. Several may come through stdin: cat FOLDER/*.ndjson | bigmap import MAP -",
    });
  }
  const stream = createReadStream(file, { highWaterMark: fileReadBytes });
  return { stream, sizeBytes: found.isFile() ? found.size : undefined, readBytes: () => stream.bytesRead };
}

/** Looks at the first bytes, which stay in the stream. */
async function isCompressed(stream: Readable, signal: AbortSignal, name: string): Promise<boolean> {
  const decided = new AbortController();
  const options = { signal: AbortSignal.any([signal, decided.signal]) };
  try {
    // A stream that was empty from the start only ends.
    await Promise.race([once(stream, "readable", options), once(stream, "end", options)]);
  } catch (error) {
    signal.throwIfAborted();
    throw inputError(error as Error, name);
  } finally {
    decided.abort();
  }
  const first = stream.read() as Buffer | null;
  if (first === null) return false;
  stream.unshift(first);
  return first[0] === 0x1f && first[1] === 0x8b;
}
