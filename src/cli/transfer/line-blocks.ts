import type { Readable } from "node:stream";
import { asBuffer } from "../../base/bytes.js";

const newline = 0x0a;

/** In place of a line that is longer than any may be; what it holds is not kept. */
export const overlongLine = Symbol("overlong line");

/**
 * Cuts the input behind newlines: every block holds whole lines, each with its newline, but for the last line of the input, which
 * may have none. Bytes are copied only where a line lies across two chunks. A line of which more than `lineMaxBytes` came without
 * an end is `overlongLine`, as soon as that is known; one that is a little longer, by less than a chunk, may stand in a block.
 */
export async function* lineBlocks(input: Readable, lineMaxBytes: number): AsyncIterable<Buffer | typeof overlongLine> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  let isOverlong = false;
  for await (const given of input as AsyncIterable<Uint8Array | string>) {
    const chunk = typeof given === "string" ? Buffer.from(given) : asBuffer(given);
    const end = chunk.lastIndexOf(newline) + 1;
    let start = 0;
    if (end > 0 && (begunBytes > 0 || isOverlong)) {
      start = chunk.indexOf(newline) + 1;
      if (!isOverlong) yield Buffer.concat([...begun, chunk.subarray(0, start)]);
      begun = [];
      begunBytes = 0;
      isOverlong = false;
    }
    if (start < end) yield chunk.subarray(start, end);
    if (end === chunk.length || isOverlong) continue;
    begun.push(chunk.subarray(end));
    begunBytes += chunk.length - end;
    if (begunBytes <= lineMaxBytes) continue;
    begun = [];
    begunBytes = 0;
    isOverlong = true;
    yield overlongLine;
  }
  if (begunBytes > 0) yield Buffer.concat(begun);
}
