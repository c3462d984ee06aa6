import type { Readable } from "node:stream";
import { asBuffer } from "../../base/bytes.js";
import { BigMapError } from "../../base/errors.js";

const newline = 0x0a;

/**
 * Cuts the input behind newlines: every block holds whole lines, each with its newline, but for the last line of the input, which
 * may have none. Bytes are copied only where a line lies across two chunks. Errors: INVALID_ARGUMENT where a line has
 * more than `lineMaxBytes`.
 */
export async function* lineBlocks(input: Readable, lineMaxBytes: number): AsyncIterable<Buffer> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const given of input as AsyncIterable<Uint8Array | string>) {
    const chunk = typeof given === "string" ? Buffer.from(given) : asBuffer(given);
    const end = chunk.lastIndexOf(newline) + 1;
    let start = 0;
    if (end > 0 && begunBytes > 0) {
      start = chunk.indexOf(newline) + 1;
      yield Buffer.concat([...begun, chunk.subarray(0, start)]);
      begun = [];
      begunBytes = 0;
    }
    if (start < end) yield chunk.subarray(start, end);
    if (end === chunk.length) continue;
    begun.push(chunk.subarray(end));
    begunBytes += chunk.length - end;
    if (begunBytes > lineMaxBytes) throw endlessLine(lineMaxBytes);
  }
  if (begunBytes > 0) yield Buffer.concat(begun);
}

function endlessLine(lineMaxBytes: number): BigMapError {
  return new BigMapError("INVALID_ARGUMENT", `A line has more than ${lineMaxBytes} bytes`, {
    hint: "The input is not newline-delimited JSON; name its format with --format.",
  });
}
