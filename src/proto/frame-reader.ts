import { isUtf8 } from "node:buffer";
import { BigMapError } from "../base/errors.js";

/** How a field's value is laid out; the low 3 bits of its tag. */
export const wireType = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

export function frameInvalid(message: string, cause?: unknown): BigMapError {
  return new BigMapError("FRAME_INVALID", message, { cause });
}

/**
 * Reads protobuf's wire format out of a frame, in place. Every read is checked against the end of the frame; what does
 * not add up is FRAME_INVALID. HOT: no object per field.
 */
export class FrameReader {
  position: number;
  readonly #frame: Buffer;
  readonly #end: number;

  constructor(frame: Buffer, start = 0, end = frame.length) {
    this.#frame = frame;
    this.position = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.position >= this.#end;
  }

  /** A field's number and wire type: `field << 3 | wireType`. */
  tag(): number {
    const tag = this.varint();
    if (tag > 0xffffffff || tag < 8) throw frameInvalid("A field has no valid number");
    return tag;
  }

  /** An unsigned number below 2^53. */
  varint(): number {
    const first = this.#byte();
    return first < 0x80 ? first : this.#longVarint(first & 0x7f);
  }

  /** An unsigned number below 2^32. Larger ones are cut to their low 32 bits by other readers, so they are refused. */
  uint32(): number {
    const number = this.varint();
    if (number > 0xffffffff) throw frameInvalid("A 32-bit number is too large");
    return number;
  }

  bool(): boolean {
    return this.varint() !== 0;
  }

  /** Steps over a length-delimited field and returns its first position; its end is then `position`. */
  lengthDelimited(): number {
    const length = this.varint();
    const start = this.position;
    if (length > this.#end - start) throw frameInvalid("A field is longer than its frame");
    this.position = start + length;
    return start;
  }

  /** A length-delimited field as a slice of the frame. */
  bytes(): Buffer {
    const start = this.lengthDelimited();
    return this.#frame.subarray(start, this.position);
  }

  text(): string {
    const bytes = this.bytes();
    if (!isUtf8(bytes)) throw frameInvalid("A text is not UTF-8");
    return bytes.toString("utf8");
  }

  /** Steps over a field that this version does not know. */
  skip(tag: number): void {
    const type = tag & 7;
    if (type === wireType.varint) this.#skipVarint();
    else if (type === wireType.fixed64) this.#advance(8);
    else if (type === wireType.fixed32) this.#advance(4);
    else if (type === wireType.lengthDelimited) this.lengthDelimited();
    else throw frameInvalid(`A field has the wire type ${type}, which proto3 does not have`);
  }

  #byte(): number {
    if (this.position >= this.#end) throw frameInvalid("The frame ends in the middle of a field");
    return this.#frame[this.position++] as number;
  }

  #longVarint(low: number): number {
    let number = low;
    let scale = 0x80;
    for (let length = 2; length <= 8; length++) {
      const byte = this.#byte();
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) return checkedInteger(number);
      scale *= 0x80;
    }
    return this.#paddedVarint(number);
  }

  /** 56 bits are read; longer encodings are only right where the rest is zero. */
  #paddedVarint(number: number): number {
    for (let length = 9; length <= 10; length++) {
      const byte = this.#byte();
      if ((byte & 0x7f) !== 0) throw frameInvalid("A number is not below 2^53");
      if (byte < 0x80) return checkedInteger(number);
    }
    throw frameInvalid("A number has more than ten bytes");
  }

  #skipVarint(): void {
    for (let length = 1; length <= 10; length++) if (this.#byte() < 0x80) return;
    throw frameInvalid("A number has more than ten bytes");
  }

  #advance(bytes: number): void {
    if (bytes > this.#end - this.position) throw frameInvalid("The frame ends in the middle of a field");
    this.position += bytes;
  }
}

function checkedInteger(number: number): number {
  if (number > Number.MAX_SAFE_INTEGER) throw frameInvalid("A number is not below 2^53");
  return number;
}
