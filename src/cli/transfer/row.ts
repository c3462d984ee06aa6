import { BigMapError } from "../../base/errors.js";
import { decodeBytes, exactText } from "../byte-text.js";
import { compactEnd, compactStringEnd } from "./compact-json.js";

/**
 * One entry in a file, as `export` writes it and `import` reads it back:
 *
 *   {"key": "alice", "value": {"age": 3}}
 *   {"key": "/w==",  "value": "AAE=",  "encoding": "base64"}      where key or value is no valid UTF-8
 *
 * CSV and TSV have the same three columns.
 */
export const entryFields = { key: "key", value: "value", encoding: "encoding" } as const;

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Which fields of a row make its entry. */
export interface RowMapping {
  /** Undefined: the field named "key". */
  readonly keyField: string | undefined;
  /** Undefined: the whole row is the value, unless the row is an entry as above. */
  readonly valueField: string | undefined;
  /** The whole row is the value, even where it looks like an entry. */
  readonly wholeRow: boolean;
}

export type Row = Readonly<Record<string, unknown>>;

/** A row as it stands in the input. */
export interface RowSource {
  /** What is stored with the whole row. */
  readonly text: string;
  /** The text is `bytes[start .. end)`; undefined where it stands nowhere as UTF-8. */
  readonly bytes: Uint8Array | undefined;
  readonly start: number;
  readonly end: number;
}

/** Reads the entry out of a row. Its key and value may be slices of the source's bytes. Errors: INVALID_ARGUMENT. */
export function entryOfRow(row: Row, source: RowSource, mapping: RowMapping): Entry {
  const explicit = mapping.keyField !== undefined || mapping.valueField !== undefined || mapping.wholeRow;
  if (!explicit && isEntryRow(row)) return exportedEntry(row, source);
  const key = Buffer.from(fieldText(row, mapping.keyField ?? entryFields.key));
  return { key, value: mapping.valueField === undefined ? wholeRow(source) : Buffer.from(fieldText(row, mapping.valueField)) };
}

/** The row for an entry; an object or array in JSON is put in as such where that loses no byte. */
export function rowOfEntry(entry: Entry, embedJson: boolean): { key: string; value: unknown; encoding?: "base64" } {
  const key = exactText(entry.key);
  const value = exactText(entry.value);
  if (key === undefined || value === undefined) {
    return { key: Buffer.from(entry.key).toString("base64"), value: Buffer.from(entry.value).toString("base64"), encoding: "base64" };
  }
  return { key, value: embedJson ? embedded(value) : value };
}

function isEntryRow(row: Row): boolean {
  let others = 0;
  for (const name in row) if (name !== entryFields.key && name !== entryFields.value && name !== entryFields.encoding) others++;
  return others === 0 && Object.hasOwn(row, entryFields.key) && Object.hasOwn(row, entryFields.value);
}

function exportedEntry(row: Row, source: RowSource): Entry {
  const encoding = row[entryFields.encoding] ?? "";
  if (encoding === "") {
    const slices = slicesOfCompactRow(row, source);
    if (slices !== undefined) return slices;
  }
  const key = fieldText(row, entryFields.key);
  const value = fieldText(row, entryFields.value);
  if (encoding === "") return { key: Buffer.from(key), value: Buffer.from(value) };
  if (encoding !== "base64") throw new BigMapError("INVALID_ARGUMENT", `The encoding ${JSON.stringify(encoding)} is not known`);
  return { key: decodeBytes(key, "base64"), value: decodeBytes(value, "base64") };
}

function wholeRow({ text, bytes, start, end }: RowSource): Uint8Array {
  return bytes === undefined ? Buffer.from(text) : bytes.subarray(start, end);
}

const keyPrefix = '{"key":';
const valuePrefix = ',"value":';
const emptyRowChars = '{"key":"","value":""}'.length;

/**
 * The entry of a compact row as slices of the input; undefined for every other row. It spares the value its way through
 * JSON.stringify, and the copy.
 */
function slicesOfCompactRow(row: Row, { text, bytes, start, end }: RowSource): Entry | undefined {
  const { key, value } = row;
  if (bytes === undefined || typeof key !== "string" || !isCompactRow(text, key, value)) return undefined;
  const keyStart = start + keyPrefix.length + 1;
  const keyEnd = keyStart + (text.length === end - start ? key.length : Buffer.byteLength(key));
  // A string is stored without its quotes.
  const quoteBytes = typeof value === "string" ? 1 : 0;
  const valueStart = keyEnd + 1 + valuePrefix.length + quoteBytes;
  return { key: bytes.subarray(keyStart, keyEnd), value: bytes.subarray(valueStart, end - 1 - quoteBytes) };
}

/** Whether the row's text is what `export` writes: key and value in this order, without blanks. Rows with escapes are passed over. */
function isCompactRow(text: string, key: string, value: unknown): boolean {
  if (!text.startsWith(keyPrefix)) return false;
  // No JSON says two strings in fewer characters, and blanks, escapes or a member that comes twice take more.
  if (typeof value === "string") return text.length === emptyRowChars + key.length + value.length;
  const keyEnd = compactStringEnd(text, keyPrefix.length, key);
  if (keyEnd < 0 || !text.startsWith(valuePrefix, keyEnd)) return false;
  return compactEnd(text, keyEnd + valuePrefix.length, value) === text.length - 1;
}

/** Text is taken as it is, everything else as JSON. */
function fieldText(row: Row, field: string): string {
  const value = Object.hasOwn(row, field) ? row[field] : undefined;
  if (typeof value === "string") return value;
  if (value !== undefined && value !== null) return JSON.stringify(value);
  if (value === null && field !== entryFields.key) return "null";
  throw new BigMapError("INVALID_ARGUMENT", `The row has no field "${field}"`, {
    hint: "Name the field of the key with --key, and that of the value with --value.",
  });
}

function embedded(text: string): unknown {
  if (!text.startsWith("{") && !text.startsWith("[")) return text;
  try {
    const parsed: unknown = JSON.parse(text);
    return JSON.stringify(parsed) === text ? parsed : text;
  } catch {
    return text;
  }
}
