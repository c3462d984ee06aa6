import type { Readable } from "node:stream";
import { TextDecoder } from "node:util";
import { asBuffer } from "../../base/bytes.js";
import { BigMapError } from "../../base/errors.js";

const utf8Mark = Buffer.from([0xef, 0xbb, 0xbf]);
const utf16Mark = Buffer.from([0xff, 0xfe]);

/**
 * The input without a byte order mark; one that begins with that of UTF-16 (little end first, as programs on Windows write) as UTF-8.
 * Errors: INVALID_ARGUMENT where such an input is no UTF-16.
 */
export async function* withoutMark(input: Readable): AsyncIterable<Buffer> {
  let begin: Buffer | undefined = Buffer.alloc(0);
  let decoder: TextDecoder | undefined;
  for await (const given of input as AsyncIterable<Uint8Array | string>) {
    let chunk = typeof given === "string" ? Buffer.from(given) : asBuffer(given);
    if (begin !== undefined) {
      begin = Buffer.concat([begin, chunk]);
      if (begin.length < utf8Mark.length) continue;
      if (begin.subarray(0, utf16Mark.length).equals(utf16Mark)) decoder = new TextDecoder("utf-16le", { fatal: true });
      chunk = begin.subarray(begin.subarray(0, utf8Mark.length).equals(utf8Mark) ? utf8Mark.length : 0);
      begin = undefined;
    }
    yield decoder === undefined ? chunk : decoded(decoder, chunk, false);
  }
  if (begin !== undefined) yield begin;
  if (decoder !== undefined) yield decoded(decoder, undefined, true);
}

function decoded(decoder: TextDecoder, chunk: Buffer | undefined, isEnd: boolean): Buffer {
  try {
    return Buffer.from(decoder.decode(chunk, { stream: !isEnd }));
  } catch (cause) {
    throw new BigMapError("INVALID_ARGUMENT", "The file begins as UTF-16 does, and is none", { cause, hint: "Write the file in UTF-8." });
  }
}
