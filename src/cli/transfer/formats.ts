import { delimitedHeader, delimitedLine, delimitedReader } from "./delimited.js";
import { ndjsonLine, readNdjson } from "./ndjson.js";
import type { Entry } from "./row.js";
import type { FileFormat, RowReader } from "./row-stream.js";

/** Both directions of one file format. */
export interface FormatCodec {
  readonly read: RowReader;
  /** What stands before the first entry. */
  readonly header: string;
  /** One entry, with its newline. */
  readonly line: (entry: Entry) => string;
}

export const formatCodecs: Readonly<Record<FileFormat, FormatCodec>> = {
  ndjson: { read: readNdjson, header: "", line: ndjsonLine },
  csv: delimited(","),
  tsv: delimited("\t"),
};

function delimited(delimiter: string): FormatCodec {
  return { read: delimitedReader(delimiter), header: delimitedHeader(delimiter), line: (entry) => delimitedLine(entry, delimiter) };
}
