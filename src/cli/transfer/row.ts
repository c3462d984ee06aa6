import { BigMapError } from "../../base/errors.js";
import { isWellFormed } from "../../base/well-formed.js";
import { decodeBytes, exactText } from "../byte-text.js";
import { isNumberWrittenAs } from "./member-text.js";

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

/** Reads the entry out of a row. `rowText`, well-formed, is what is stored with the whole row. Errors: INVALID_ARGUMENT. */
export function entryOfRow(row: Row, rowText: string, mapping: RowMapping): Entry {
  const explicit = mapping.keyField !== undefined || mapping.valueField !== undefined || mapping.wholeRow;
  if (!explicit && isEntryRow(row)) return exportedEntry(row, rowText);
  const keyField = mapping.keyField ?? entryFields.key;
  const key = textBytes(keyText(row, keyField, rowText), keyField);
  const { valueField } = mapping;
  return { key, value: valueField === undefined ? Buffer.from(rowText) : textBytes(fieldText(row, valueField), valueField) };
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
  const names = Object.keys(row);
  const known = names.every((name) => name === entryFields.key || name === entryFields.value || name === entryFields.encoding);
  return known && entryFields.key in row && entryFields.value in row;
}

function exportedEntry(row: Row, rowText: string): Entry {
  const encoding = row[entryFields.encoding] ?? "";
  const key = keyText(row, entryFields.key, rowText);
  const value = fieldText(row, entryFields.value);
  if (encoding === "") return { key: textBytes(key, entryFields.key), value: textBytes(value, entryFields.value) };
  if (encoding !== "base64") {
    throw new BigMapError("INVALID_ARGUMENT", `The encoding ${JSON.stringify(encoding)} is not known`, {
      hint: 'Write "base64", or nothing where key and value are texts.',
    });
  }
  return { key: decodeBytes(key, "base64"), value: decodeBytes(value, "base64") };
}

/** The text of a key, which is a text or a number that stands in the file as it is printed: of what is rounded, several may be one. */
function keyText(row: Row, field: string, rowText: string): string {
  const key = Object.hasOwn(row, field) ? row[field] : undefined;
  if (typeof key === "number") return numberKeyText(key, field, rowText);
  if (key === undefined || typeof key === "string") return fieldText(row, field);
  const kind = Array.isArray(key) ? "an array" : key !== null && typeof key === "object" ? "an object" : JSON.stringify(key);
  throw new BigMapError("INVALID_ARGUMENT", `The key is ${kind}: field "${field}"`, {
    hint: "A key is a text or a number. Name its field with --key, or pass over such rows with --skip-bad.",
  });
}

function numberKeyText(key: number, field: string, rowText: string): string {
  const text = JSON.stringify(key);
  const isLong = Math.abs(key) > Number.MAX_SAFE_INTEGER;
  if (!isLong && isNumberWrittenAs(rowText, field, text)) return text;
  const flaw = isLong ? "with more digits than are kept" : `that would be kept as ${text}`;
  throw new BigMapError("INVALID_ARGUMENT", `The key is a number ${flaw}: field "${field}"`, {
    hint: "Write it as a text, in quotes, or pass over such rows with --skip-bad.",
  });
}

/** Text is taken as it is, everything else as JSON. */
function fieldText(row: Row, field: string): string {
  const value = Object.hasOwn(row, field) ? row[field] : undefined;
  if (typeof value === "string") return value;
  if (value !== undefined) return JSON.stringify(value);
  throw new BigMapError("INVALID_ARGUMENT", `The row has no field "${field}"`, {
    hint: "Name the field of the key with --key, and that of the value with --value.",
  });
}

/** UTF-8 would have U+FFFD for every half of a surrogate pair, such as "\ud800" in JSON. */
function textBytes(text: string, field: string): Buffer {
  if (isWellFormed(text)) return Buffer.from(text);
  throw new BigMapError("INVALID_ARGUMENT", `The text holds half a surrogate pair, which UTF-8 cannot say: field "${field}"`, {
    hint: "Write the pair's other half too, or pass over such rows with --skip-bad.",
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
