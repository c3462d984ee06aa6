import { takeBytes } from "../base/byte-pool.js";
import { assert } from "../base/errors.js";

/** Bytes of a number as a varint. */
export function varintBytes(number: number): number {
  if (number < 0x80) return 1;
  if (number < 0x4000) return 2;
  if (number < 0x200000) return 3;
  if (number < 0x10000000) return 4;
  let bytes = 4;
  for (let rest = Math.floor(number / 0x10000000); rest > 0; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Bytes of a length-delimited field with a tag of one byte; 0 for an empty one, which proto3 leaves out. */
export function fieldBytes(length: number): number {
  return length === 0 ? 0 : 1 + varintBytes(length) + length;
}

/** Bytes of a number's field with a tag of one byte; 0 for the number 0, which proto3 leaves out. */
export function numberFieldBytes(number: number): number {
  return number === 0 ? 0 : 1 + varintBytes(number);
}

/**
 * Writes protobuf's wire format into one Buffer of a size that is known beforehand. Only fields 1 to 15, whose tag is one
 * byte. The memory is of the byte pool: whoever has sent the frame may give it back. HOT.
 */
export class FrameWriter {
  readonly #frame: Buffer;
  #position = 0;

  constructor(sizeBytes: number) {
    this.#frame = takeBytes(sizeBytes);
  }

  numberField(field: number, number: number): void {
    if (number === 0) return;
    this.#frame[this.#position++] = field << 3;
    this.varint(number);
  }

  bytesField(field: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.beginField(field, bytes.length);
    this.#frame.set(bytes, this.#position);
    this.#position += bytes.length;
  }

  /** A text whose length in UTF-8 is known. */
  textField(field: number, text: string, lengthBytes: number): void {
    if (lengthBytes === 0) return;
    this.beginField(field, lengthBytes);
    this.#position += this.#frame.write(text, this.#position, "utf8");
  }

  /** The head of a length-delimited field whose content follows. */
  beginField(field: number, lengthBytes: number): void {
    this.#frame[this.#position++] = (field << 3) | 2;
    this.varint(lengthBytes);
  }

  varint(number: number): void {
    const frame = this.#frame;
    let rest = number;
    while (rest > 0x7fffffff) {
      frame[this.#position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest > 0x7f) {
      frame[this.#position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    frame[this.#position++] = rest;
  }

  finish(): Buffer {
    assert(this.#position === this.#frame.length, "a frame has the size that was computed for it");
    return this.#frame;
  }
}
