import { BigMapError } from "./errors.js";

/** Writes whole numbers as varints (7 bits a byte, low bits first), up to 2^53. */
export class PackedNumberWriter {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  /** A number >= 0. */
  unsigned(number: number): void {
    if (this.#length + 8 > this.#buffer.length) this.#grow();
    const buffer = this.#buffer;
    let length = this.#length;
    let rest = number;
    while (rest >= 2 ** 31) {
      buffer[length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    // Most numbers are small, and whole numbers of 31 bits need no division.
    while (rest >= 0x80) {
      buffer[length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[length++] = rest;
    this.#length = length;
  }

  /** A number of either sign, of magnitude below 2^52. */
  signed(number: number): void {
    this.unsigned(number >= 0 ? number * 2 : -number * 2 - 1);
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #grow(): void {
    const wider = Buffer.allocUnsafe(this.#buffer.length * 2);
    this.#buffer.copy(wider, 0, 0, this.#length);
    this.#buffer = wider;
  }
}

/** Reads what PackedNumberWriter wrote. Errors: STORAGE_CORRUPT past the end or for a number past 2^53. */
export class PackedNumberReader {
  #offset = 0;
  constructor(readonly bytes: Uint8Array) {}

  get finished(): boolean {
    return this.#offset === this.bytes.length;
  }

  unsigned(): number {
    let number = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      const byte = this.bytes[this.#offset++];
      if (byte === undefined) break;
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) return number;
    }
    throw new BigMapError("STORAGE_CORRUPT", "A packed record of numbers is cut short");
  }

  signed(): number {
    const number = this.unsigned();
    return number % 2 === 0 ? number / 2 : -(number + 1) / 2;
  }
}
