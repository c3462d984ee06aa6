import { limits } from "../base/limits.js";
import { BigMapError } from "../base/errors.js";
import { FrameReader, wireType, frameInvalid } from "./frame-reader.js";

/**
 * Where the numbers of one repeated field lie in a frame. Senders write them as one packed run, but proto3 also allows
 * several runs and single numbers; all of them are varints one after another once the runs are joined.
 */
export class PackedColumn {
  #runs: number[] | undefined;
  #start = 0;
  #end = 0;

  /** Takes the field at the reader's position. */
  take(reader: FrameReader, tag: number): void {
    const type = tag & 7;
    if (type === wireType.lengthDelimited) {
      const start = reader.lengthDelimited();
      this.#add(start, reader.position);
    } else if (type === wireType.varint) {
      const start = reader.position;
      reader.varint();
      this.#add(start, reader.position);
    } else {
      throw frameInvalid("A repeated number has a wrong wire type");
    }
  }

  /** Reads the numbers from first to last. */
  reader(frame: Buffer): FrameReader {
    if (this.#runs === undefined) return new FrameReader(frame, this.#start, this.#end);
    const runs: Buffer[] = [];
    for (let i = 0; i < this.#runs.length; i += 2) runs.push(frame.subarray(this.#runs[i], this.#runs[i + 1]));
    return new FrameReader(Buffer.concat(runs));
  }

  #add(start: number, end: number): void {
    if (start === end) return;
    if (this.#start === this.#end) {
      this.#start = start;
      this.#end = end;
      return;
    }
    this.#runs ??= [this.#start, this.#end];
    this.#runs.push(start, end);
    if (this.#runs.length > 2 * limits.batchMaxOperations) {
      throw new BigMapError("BATCH_TOO_LARGE", `A batch has at most ${limits.batchMaxOperations} operations`);
    }
  }
}
