import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { asBuffer } from "../../base/bytes.js";

const newline = 0x0a;
const carriageReturn = 0x0d;
const nothing = Buffer.alloc(0);

/**
 * Watches an input go by, and knows which of its lines are no UTF-8. HOT: chunks are looked at as a whole, and line by line
 * only where they have bad bytes. An input that begins with UTF-16's byte order mark is not looked at.
 */
export class Utf8Check {
  /** Places in the input, one of each bad line or part of one, ascending. */
  readonly #flaws: number[] = [];
  /** Bytes that went by, without those of `#begun`. */
  #checkedBytes = 0;
  /** A character that goes on in the next chunk, at most three bytes. */
  #begun: Buffer = nothing;
  #isUtf16 = false;

  /** The input as it is. Whoever has got a chunk may ask about every line that ends in it. */
  async *watch(input: Readable): AsyncGenerator<Buffer> {
    for await (const given of input as AsyncIterable<Uint8Array | string>) {
      const chunk = typeof given === "string" ? Buffer.from(given) : asBuffer(given);
      this.#look(chunk);
      yield chunk;
    }
    this.#check(this.#begun);
  }

  /** Whether there are bad bytes before this place in the input, but for those that were asked about before. */
  takeFlawsBefore(place: number): boolean {
    const flaws = this.#flaws;
    let count = 0;
    while (count < flaws.length && (flaws[count] as number) < place) count++;
    if (count > 0) flaws.splice(0, count);
    return count > 0;
  }

  #look(chunk: Buffer): void {
    const block = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk]);
    if (this.#checkedBytes === 0 && block[0] === 0xff && block[1] === 0xfe) this.#isUtf16 = true;
    const end = wholeCharactersEnd(block);
    this.#begun = block.subarray(end);
    this.#check(block.subarray(0, end));
  }

  #check(block: Buffer): void {
    if (!this.#isUtf16 && !isUtf8(block)) this.#noteLines(block);
    this.#checkedBytes += block.length;
  }

  /** Rows may end with either character, so that a bad piece between two of them is in one row. */
  #noteLines(block: Buffer): void {
    let start = 0;
    for (let at = 0; at <= block.length; at++) {
      if (at < block.length && block[at] !== newline && block[at] !== carriageReturn) continue;
      if (!isUtf8(block.subarray(start, at))) this.#flaws.push(this.#checkedBytes + start);
      start = at + 1;
    }
  }
}

/** Where the last character begins if the block does not hold all of it, else the block's end. */
function wholeCharactersEnd(block: Buffer): number {
  const { length } = block;
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = block[length - back] as number;
    if ((byte & 0xc0) === 0x80) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return size > back ? length - back : length;
  }
  return length;
}
