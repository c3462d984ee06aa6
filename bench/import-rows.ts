/** Files of NDJSON for the import benchmark: entries of 1 KiB, in the forms in which they are met. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";

/** Of the value, whatever the form. */
export const valueBytes = 1024;

/**
 * `text`: an export of texts. `json`: an export of JSON objects. `whole`: objects with an `id`, which are the values themselves.
 */
export const rowForms = ["text", "json", "whole"] as const;
export type RowForm = (typeof rowForms)[number];

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789  ";

/** Text that does not repeat soon enough for a compressor: windows into one long pseudo-random string. */
class TextSource {
  readonly #pool: string;

  constructor() {
    let state = 1;
    const next = (): string => letters[(state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 26] as string;
    this.#pool = Array.from({ length: 256 * 1024 }, next).join("");
  }

  text(index: number, length: number): string {
    const start = (Math.imul(index + 1, 2_654_435_761) >>> 0) % (this.#pool.length - length);
    return this.#pool.slice(start, start + length);
  }
}

/** A JSON object of exactly `lengthBytes` as text. */
function objectText(source: TextSource, index: number, fields: object, lengthBytes: number): string {
  const object = { ...fields, age: index % 100, active: index % 2 === 0, tags: ["new", `group ${index % 10}`], about: "" };
  const about = source.text(index, lengthBytes - JSON.stringify(object).length);
  return JSON.stringify({ ...object, about });
}

function rowText(source: TextSource, form: RowForm, index: number): string {
  const key = `user${String(index).padStart(10, "0")}`;
  if (form === "text") return `{"key":"${key}","value":"${source.text(index, valueBytes)}"}\n`;
  if (form === "whole") return `${objectText(source, index, { id: key, name: `Name ${index}` }, valueBytes)}\n`;
  return `{"key":"${key}","value":${objectText(source, index, { name: `Name ${index}` }, valueBytes)}}\n`;
}

/** Writes the file; row i is the same in every run. */
export async function writeRows(path: string, form: RowForm, entries: number): Promise<void> {
  const source = new TextSource();
  const file = createWriteStream(path);
  let chunk = "";
  for (let i = 0; i < entries; i++) {
    chunk += rowText(source, form, i);
    if (chunk.length < 2 ** 20 && i < entries - 1) continue;
    if (!file.write(chunk)) await once(file, "drain");
    chunk = "";
  }
  file.end();
  await finished(file);
}
