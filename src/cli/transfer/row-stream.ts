import type { Readable } from "node:stream";
import type { BigMapError } from "../../base/errors.js";
import type { RowColumns } from "./row-columns.js";
import type { Entry, RowMapping } from "./row.js";

export const fileFormats = ["ndjson", "csv", "tsv"] as const;
export type FileFormat = (typeof fileFormats)[number];

/** How much of a file is read at a time: every read is a trip to another thread, and a line across two reads is copied once more. */
export const fileReadBytes = 1024 * 1024;

/** One row of the input: an entry, or why it is none. */
export interface ReadRow {
  /** From 1, as editors count. */
  readonly lineNumber: number;
  readonly entry: Entry | undefined;
  readonly error: BigMapError | undefined;
}

/** Reads rows, several at a time, without holding more of the input than one row and one chunk. */
export type RowReader = (input: Readable, mapping: RowMapping) => AsyncIterable<RowColumns>;

/** The format of a file by the end of its name; undefined where it says nothing. */
export function formatOfPath(path: string): FileFormat | undefined {
  const extension = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  if (extension === "ndjson" || extension === "jsonl" || extension === "json") return "ndjson";
  return extension === "csv" || extension === "tsv" ? extension : undefined;
}
