/** Finds key and value in rows of NDJSON as they stand in the file. HOT. */
import { JsonScanner, escapes, jsonByte, unsure } from "./json-scanner.js";
import { entryFields, type RowMapping } from "./row.js";

const keyName = Buffer.from(entryFields.key);
const valueName = Buffer.from(entryFields.value);
const encodingName = Buffer.from(entryFields.encoding);

/**
 * Where in a block of lines the key and the value of the row are that was found last. It finds the rows whose key and value are
 * stored byte for byte as they stand; for all others, good or bad, `find` is false, and `entryOfRow` has the word.
 */
export class RowScanner {
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly #json: JsonScanner;
  readonly #keyField: Uint8Array;
  readonly #mayBeExported: boolean;
  readonly #takesWholeRow: boolean;

  /** `block`: valid UTF-8 in every row that is looked at. */
  constructor(block: Uint8Array, { keyField, valueField, wholeRow }: RowMapping) {
    this.#json = new JsonScanner(block);
    this.#keyField = keyField === undefined ? keyName : Buffer.from(keyField);
    this.#mayBeExported = keyField === undefined && valueField === undefined && !wholeRow;
    this.#takesWholeRow = valueField === undefined;
  }

  /** Looks at the row in `block[start .. end)`, which has no blanks around it. */
  find(start: number, end: number): boolean {
    if (this.#json.bytes[start] !== jsonByte.openBrace) return false;
    if (this.#mayBeExported && this.#findExported(start, end)) return true;
    return this.#takesWholeRow && this.#findWhole(start, end);
  }

  /** `{"key":"...","value":...}`: the order in which `export` writes them. */
  #findExported(start: number, end: number): boolean {
    const json = this.#json;
    const { bytes } = json;
    let at = this.#valueOf(keyName, json.skipBlanks(start + 1));
    if (at === unsure || bytes[at] !== jsonByte.quote) return false;
    this.keyStart = at + 1;
    this.keyEnd = json.stringEnd(at + 1, escapes.nothing);
    if (this.keyEnd === unsure) return false;
    at = json.skipBlanks(this.keyEnd + 1);
    if (bytes[at] !== jsonByte.comma) return false;
    at = this.#valueOf(valueName, json.skipBlanks(at + 1));
    if (at === unsure) return false;
    const isText = bytes[at] === jsonByte.quote;
    // A text is stored without its quotes.
    this.valueStart = isText ? at + 1 : at;
    this.valueEnd = isText ? json.stringEnd(at + 1, escapes.nothing) : json.valueEnd(at, "compact");
    if (this.valueEnd === unsure) return false;
    at = json.skipBlanks(isText ? this.valueEnd + 1 : this.valueEnd);
    return bytes[at] === jsonByte.closeBrace && at + 1 === end;
  }

  /** Any object with a text or a number in the field of the key. */
  #findWhole(start: number, end: number): boolean {
    const json = this.#json;
    const { bytes } = json;
    let keys = 0;
    let isExported = this.#mayBeExported;
    let at = json.skipBlanks(start + 1);
    for (;;) {
      if (bytes[at] !== jsonByte.quote) return false;
      const nameStart = at + 1;
      const nameEnd = json.stringEnd(nameStart, escapes.nothing);
      if (nameEnd === unsure) return false;
      at = json.skipBlanks(nameEnd + 1);
      if (bytes[at] !== jsonByte.colon) return false;
      at = json.skipBlanks(at + 1);
      const isKey = this.#isName(this.#keyField, nameStart, nameEnd);
      if (isExported) isExported = isKey || this.#isName(valueName, nameStart, nameEnd) || this.#isName(encodingName, nameStart, nameEnd);
      if (isKey) keys++;
      at = isKey ? this.#keyValueEnd(at) : json.valueEnd(at, "loose");
      if (at === unsure) return false;
      at = json.skipBlanks(at);
      if (bytes[at] !== jsonByte.comma) break;
      at = json.skipBlanks(at + 1);
    }
    this.valueStart = start;
    this.valueEnd = end;
    // Of a field that comes twice the last one counts; a row of key and value only is not a whole row.
    return bytes[at] === jsonByte.closeBrace && at + 1 === end && keys === 1 && !isExported;
  }

  #keyValueEnd(at: number): number {
    const json = this.#json;
    if (json.bytes[at] === jsonByte.quote) {
      this.keyStart = at + 1;
      this.keyEnd = json.stringEnd(at + 1, escapes.nothing);
      return this.keyEnd === unsure ? unsure : this.keyEnd + 1;
    }
    this.keyStart = at;
    this.keyEnd = json.numberEnd(at, "compact");
    return this.keyEnd;
  }

  /** Where the value begins of the member with this name, if it is the one at `at`. */
  #valueOf(name: Uint8Array, at: number): number {
    const json = this.#json;
    const nameEnd = at + 1 + name.length;
    if (json.bytes[at] !== jsonByte.quote || json.bytes[nameEnd] !== jsonByte.quote || !this.#isName(name, at + 1, nameEnd)) return unsure;
    const colon = json.skipBlanks(nameEnd + 1);
    return json.bytes[colon] === jsonByte.colon ? json.skipBlanks(colon + 1) : unsure;
  }

  #isName(name: Uint8Array, start: number, end: number): boolean {
    if (end - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) if (this.#json.bytes[start + i] !== name[i]) return false;
    return true;
  }
}
