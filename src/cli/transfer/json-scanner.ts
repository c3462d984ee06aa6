/**
 * Finds the ends of JSON's values in bytes, without making strings and objects of them. HOT: every byte of an import passes
 * here, so strings are read a word at a time, and nothing is allocated.
 *
 * The scanner never says that something is no JSON. Where it is not sure it answers `unsure`, and JSON.parse has the word.
 */

/** Instead of an end. */
export const unsure = -1;

/** What a string may hold after a backslash. */
export const escapes = {
  nothing: 0,
  /** What JSON.stringify writes, but for \u. */
  compact: 1,
  anything: 2,
} as const;
type Escapes = (typeof escapes)[keyof typeof escapes];

/**
 * Which values are recognized. `compact`: only what stands as JSON.stringify would write what JSON.parse makes of it, so
 * without blanks, and no numbers such as 1.0. `loose`: any.
 */
export type ValueForm = "compact" | "loose";

export const jsonByte = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  dot: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/** Deeper values are not looked into. */
const depthMost = 32;
/** Every name of a compact object is compared with those before it. */
const compactMembersMost = 32;
/** As many digits survive the way to a double and back. */
const exactDigitsMost = 15;
/** A number below 0.000001 is written with an exponent. */
const leadingZerosMost = 5;

const literals: ReadonlyMap<number, Uint8Array> = new Map(["true", "false", "null"].map((word) => [word.charCodeAt(0), Buffer.from(word)]));
const compactEscapes = bytesAmong('"\\bfnrt');
const allEscapes = bytesAmong('"\\/bfnrt');
const escapedCodeUnit = "u".charCodeAt(0);

export class JsonScanner {
  readonly bytes: Uint8Array;
  /** All of the memory that the bytes are in, four bytes a number. */
  readonly #words: Int32Array;
  /** Of the first of the bytes in that memory. */
  readonly #offset: number;
  /** Begins and ends of the names of the compact objects that are being read, outermost first; never made shorter. */
  readonly #names: number[] = [];
  #namesEnd = 0;

  /** What is looked at in `bytes` is valid UTF-8, and nothing is looked for beyond a newline. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#words = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >> 2);
    this.#offset = bytes.byteOffset;
  }

  /** The first byte at or after `at` that is no blank; a newline is none. */
  skipBlanks(at: number): number {
    const { bytes } = this;
    while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0d) at++;
    return at;
  }

  /** The closing quote of a string whose first byte, behind its opening quote, is at `at`. */
  stringEnd(at: number, allowed: Escapes): number {
    const { bytes } = this;
    for (;;) {
      at = this.#plainEnd(at);
      if (bytes[at] === jsonByte.quote) return at;
      if (bytes[at] !== jsonByte.backslash || allowed === escapes.nothing) return unsure;
      const escape = bytes[at + 1] as number;
      if ((allowed === escapes.compact ? compactEscapes : allEscapes)[escape] === 1) at += 2;
      else if (allowed === escapes.anything && escape === escapedCodeUnit && this.#areHexDigits(at + 2, at + 6)) at += 6;
      else return unsure;
    }
  }

  /** Behind the value that begins at `at`. */
  valueEnd(at: number, form: ValueForm): number {
    this.#namesEnd = 0;
    return this.#valueEnd(at, form, 0);
  }

  /** Behind the number that begins at `at`. */
  numberEnd(at: number, form: ValueForm): number {
    const { bytes } = this;
    const start = bytes[at] === jsonByte.minus ? at + 1 : at;
    let end = this.#digitsEnd(start);
    const wholeDigits = end - start;
    if (wholeDigits === 0 || (wholeDigits > 1 && bytes[start] === jsonByte.zero)) return unsure;
    let fractionDigits = 0;
    if (bytes[end] === jsonByte.dot) {
      const fraction = end + 1;
      end = this.#digitsEnd(fraction);
      fractionDigits = end - fraction;
      if (fractionDigits === 0) return unsure;
    }
    if (((bytes[end] as number) | 0x20) === 0x65) return form === "compact" ? unsure : this.#exponentEnd(end + 1);
    return form === "loose" || this.#isCompactNumber(at, start, end, wholeDigits, fractionDigits) ? end : unsure;
  }

  /** The first byte that is a quote, a backslash or a control character. */
  #plainEnd(at: number): number {
    const { bytes } = this;
    const words = this.#words;
    const offset = this.#offset;
    const { length } = bytes;
    while (((at + offset) & 3) !== 0) {
      if (at >= length || !isPlain(bytes[at] as number)) return at;
      at++;
    }
    const wordsEnd = (length + offset) >> 2;
    let word = (at + offset) >> 2;
    while (word < wordsEnd) {
      const four = words[word] as number;
      // Of each byte only the top bit counts. With bit 1 turned over, quotes and control characters are what lies below 0x21.
      const turned = four ^ 0x02020202;
      const lessBackslash = four ^ 0x5c5c5c5c;
      if (((((turned - 0x21212121) & ~turned) | ((lessBackslash - 0x01010101) & ~lessBackslash)) & 0x80808080) !== 0) break;
      word++;
    }
    at = Math.max(at, (word << 2) - offset);
    while (at < length && isPlain(bytes[at] as number)) at++;
    return at;
  }

  #valueEnd(at: number, form: ValueForm, depth: number): number {
    const byte = this.bytes[at] as number;
    if (byte === jsonByte.quote) {
      const end = this.stringEnd(at + 1, form === "compact" ? escapes.compact : escapes.anything);
      return end === unsure ? unsure : end + 1;
    }
    if (byte === jsonByte.minus || isDigit(byte)) return this.numberEnd(at, form);
    if (byte !== jsonByte.openBrace && byte !== jsonByte.openBracket) return this.#literalEnd(at, byte);
    if (depth === depthMost) return unsure;
    return byte === jsonByte.openBrace ? this.#objectEnd(at, form, depth + 1) : this.#arrayEnd(at, form, depth + 1);
  }

  #objectEnd(open: number, form: ValueForm, depth: number): number {
    const { bytes } = this;
    const outerNames = this.#namesEnd;
    let at = this.#next(open + 1, form);
    if (bytes[at] === jsonByte.closeBrace) return at + 1;
    for (;;) {
      if (bytes[at] !== jsonByte.quote) return unsure;
      const nameEnd = this.stringEnd(at + 1, form === "compact" ? escapes.nothing : escapes.anything);
      if (nameEnd === unsure || (form === "compact" && !this.#keepsItsPlace(outerNames, at + 1, nameEnd))) return unsure;
      at = this.#next(nameEnd + 1, form);
      if (bytes[at] !== jsonByte.colon) return unsure;
      at = this.#valueEnd(this.#next(at + 1, form), form, depth);
      if (at === unsure) return unsure;
      at = this.#next(at, form);
      if (bytes[at] !== jsonByte.comma) break;
      at = this.#next(at + 1, form);
    }
    this.#namesEnd = outerNames;
    return bytes[at] === jsonByte.closeBrace ? at + 1 : unsure;
  }

  #arrayEnd(open: number, form: ValueForm, depth: number): number {
    const { bytes } = this;
    let at = this.#next(open + 1, form);
    if (bytes[at] === jsonByte.closeBracket) return at + 1;
    for (;;) {
      at = this.#valueEnd(at, form, depth);
      if (at === unsure) return unsure;
      at = this.#next(at, form);
      if (bytes[at] !== jsonByte.comma) break;
      at = this.#next(at + 1, form);
    }
    return bytes[at] === jsonByte.closeBracket ? at + 1 : unsure;
  }

  #literalEnd(at: number, first: number): number {
    const literal = literals.get(first);
    if (literal === undefined) return unsure;
    for (let i = 1; i < literal.length; i++) if (this.bytes[at + i] !== literal[i]) return unsure;
    return at + literal.length;
  }

  #next(at: number, form: ValueForm): number {
    return form === "compact" ? at : this.skipBlanks(at);
  }

  /** Notes the name. An object moves members with names such as "7" to its front, and those that come twice to the first's place. */
  #keepsItsPlace(outerNames: number, start: number, end: number): boolean {
    const names = this.#names;
    const namesEnd = this.#namesEnd;
    if (isDigit(this.bytes[start] as number) || namesEnd - outerNames >= 2 * compactMembersMost) return false;
    for (let i = outerNames; i < namesEnd; i += 2) {
      if (this.#sameBytes(names[i] as number, names[i + 1] as number, start, end)) return false;
    }
    names[namesEnd] = start;
    names[namesEnd + 1] = end;
    this.#namesEnd = namesEnd + 2;
    return true;
  }

  #sameBytes(start: number, end: number, otherStart: number, otherEnd: number): boolean {
    if (end - start !== otherEnd - otherStart) return false;
    for (let i = 0; i < end - start; i++) if (this.bytes[start + i] !== this.bytes[otherStart + i]) return false;
    return true;
  }

  /** Whether a number without exponent is written back as it stands. */
  #isCompactNumber(at: number, start: number, end: number, wholeDigits: number, fractionDigits: number): boolean {
    const { bytes } = this;
    if (wholeDigits + fractionDigits > exactDigitsMost) return false;
    const isZero = bytes[start] === jsonByte.zero;
    if (fractionDigits === 0) return start === at || !isZero;
    if (bytes[end - 1] === jsonByte.zero) return false;
    if (!isZero) return true;
    let zeros = 0;
    while (bytes[start + 2 + zeros] === jsonByte.zero) zeros++;
    return zeros <= leadingZerosMost;
  }

  #exponentEnd(at: number): number {
    const sign = this.bytes[at];
    const start = sign === jsonByte.minus || sign === 0x2b ? at + 1 : at;
    const end = this.#digitsEnd(start);
    return end > start ? end : unsure;
  }

  #digitsEnd(at: number): number {
    while (isDigit(this.bytes[at] as number)) at++;
    return at;
  }

  #areHexDigits(start: number, end: number): boolean {
    for (let at = start; at < end; at++) {
      const byte = this.bytes[at] as number;
      const letter = byte | 0x20;
      if (!isDigit(byte) && !(letter >= 0x61 && letter <= 0x66)) return false;
    }
    return true;
  }
}

function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte !== jsonByte.quote && byte !== jsonByte.backslash;
}

/** False beyond the end of the bytes too, where there is undefined. */
function isDigit(byte: number): boolean {
  return byte >= jsonByte.zero && byte <= jsonByte.nine;
}

function bytesAmong(characters: string): Uint8Array {
  const among = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) among[byte] = 1;
  return among;
}
