/**
 * The font of the plots, from a package: the same letters, and so the same bytes, on every machine. Vega asks for the width of
 * text to lay out; without a canvas it guesses, so the widths are read from the font itself.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const fontPackage = createRequire(import.meta.url);
const regularPath = fontPackage.resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf");
const boldPath = fontPackage.resolve("dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf");

export const fontPaths: readonly string[] = [regularPath, boldPath];
export const fontFamily = "DejaVu Sans";
/** As an SVG names it, for readers without the font. */
export const fontStack = `${fontFamily}, Verdana, sans-serif`;

/** Widths of a TrueType font's characters, as shares of the font's size. */
export class FontWidths {
  readonly #bytes: Buffer;
  readonly #unitsPerEm: number;
  readonly #horizontalMetrics: number;
  readonly #longMetricCount: number;
  readonly #characterMap: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#unitsPerEm = bytes.readUInt16BE(this.#table("head") + 18);
    this.#longMetricCount = bytes.readUInt16BE(this.#table("hhea") + 34);
    this.#horizontalMetrics = this.#table("hmtx");
    this.#characterMap = this.#unicodeMap(this.#table("cmap"));
  }

  /** Width of a text at a font size of 1; kerning is not looked at. */
  widthOf(text: string): number {
    let units = 0;
    for (let i = 0; i < text.length; i++) units += this.#advance(this.#glyph(text.charCodeAt(i)));
    return units / this.#unitsPerEm;
  }

  // A font file is a directory of tables: tag, checksum, offset, length, 16 bytes each, from byte 12 on.
  #table(tag: string): number {
    const count = this.#bytes.readUInt16BE(4);
    for (let i = 0; i < count; i++) {
      const entry = 12 + i * 16;
      if (this.#bytes.toString("latin1", entry, entry + 4) === tag) return this.#bytes.readUInt32BE(entry + 8);
    }
    throw new RangeError(`The font has no table ${tag}`);
  }

  // Encoding records: platform, encoding, offset, 8 bytes each; 3/1 is the Unicode map of the basic plane (format 4).
  #unicodeMap(cmap: number): number {
    const count = this.#bytes.readUInt16BE(cmap + 2);
    for (let i = 0; i < count; i++) {
      const entry = cmap + 4 + i * 8;
      const isUnicode = this.#bytes.readUInt16BE(entry) === 3 && this.#bytes.readUInt16BE(entry + 2) === 1;
      const offset = cmap + this.#bytes.readUInt32BE(entry + 4);
      if (isUnicode && this.#bytes.readUInt16BE(offset) === 4) return offset;
    }
    throw new RangeError("The font has no Unicode character map");
  }

  // Format 4: segments in four parallel arrays: last code, first code, delta, offset into the glyph array.
  #glyph(code: number): number {
    const map = this.#characterMap;
    const doubleSegments = this.#bytes.readUInt16BE(map + 6);
    const [last, first] = [map + 14, map + 16 + doubleSegments];
    let segment = 0;
    while (this.#bytes.readUInt16BE(last + segment) < code) segment += 2;
    const start = this.#bytes.readUInt16BE(first + segment);
    if (start > code) return 0;
    const delta = this.#bytes.readUInt16BE(first + doubleSegments + segment);
    const offsetAt = first + 2 * doubleSegments + segment;
    const offset = this.#bytes.readUInt16BE(offsetAt);
    const glyph = offset === 0 ? code : this.#bytes.readUInt16BE(offsetAt + offset + 2 * (code - start));
    return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
  }

  #advance(glyph: number): number {
    return this.#bytes.readUInt16BE(this.#horizontalMetrics + 4 * Math.min(glyph, this.#longMetricCount - 1));
  }
}

const regular = new FontWidths(readFileSync(regularPath));
const bold = new FontWidths(readFileSync(boldPath));

/** Width in pixels of a text of a plot. */
export function textWidth(text: string, fontSize: number, isBold: boolean): number {
  return (isBold ? bold : regular).widthOf(text) * fontSize;
}
