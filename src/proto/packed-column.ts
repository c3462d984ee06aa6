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

/**
 * Where parts of these lengths, one behind the other, begin and end: `count + 1` offsets. Errors: FRAME_INVALID where there are more or
 * fewer lengths, or they do not add up to `totalBytes`. `what`: for people. HOT.
 */
export function readOffsets(lengths: FrameReader, count: number, totalBytes: number, what: string): Uint32Array {
  const offsets = new Uint32Array(count + 1);
  let end = 0;
  for (let i = 0; i < count; i++) {
    end += lengths.varint();
    if (end > totalBytes) throw frameInvalid(`The ${what} are longer than their bytes`);
    offsets[i + 1] = end;
  }
  if (end !== totalBytes || !lengths.atEnd) throw frameInvalid(`The ${what} do not add up to their bytes`);
  return offsets;
}

/** One version for each of `count`. Errors: FRAME_INVALID. `what`: those that have them, for people. HOT. */
export function readVersions(column: FrameReader, count: number, what: string): Float64Array {
  const versions = new Float64Array(count);
  for (let i = 0; i < count; i++) versions[i] = column.varint();
  if (!column.atEnd) throw frameInvalid(`There are more versions than ${what}`);
  return versions;
}
