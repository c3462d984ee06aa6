import { writeSync } from "node:fs";
import { Writable } from "node:stream";

/** Writes bytes from `start` on, perhaps not all of them, and returns how many. Throws what the system says. */
export type WriteSome = (bytes: Uint8Array, start: number) => number;

/**
 * stdout where it is a file or a device. Node's own stream for these asks the system once for every chunk and takes no notice of how
 * much of it was written: when the disk gets full, the end of the output is missing and nothing says so.
 */
export class FileOutput extends Writable {
  readonly #writeSome: WriteSome;

  constructor(writeSome: WriteSome) {
    super();
    this.#writeSome = writeSome;
  }

  static of(fileDescriptor: number): FileOutput {
    return new FileOutput((bytes, start) => writeSync(fileDescriptor, bytes, start));
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error) => void): void {
    try {
      for (let at = 0; at < bytes.length;) at += this.#writeSome(bytes, at);
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback();
  }
}
