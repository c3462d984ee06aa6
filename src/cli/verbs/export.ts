import { Command, Option } from "commander";
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { BigMapError } from "../../base/errors.js";
import { bytes } from "../../client/codec.js";
import { oneOf } from "../quantities.js";
import { end } from "../terminal.js";
import { exportRows } from "../transfer/exporter.js";
import { formatCodecs } from "../transfer/formats.js";
import type { LoadSummary } from "../transfer/loader.js";
import { startProgress } from "../transfer/progress.js";
import { fileFormats, formatOfPath, type FileFormat } from "../transfer/row-stream.js";
import { summaryText } from "../transfer/summary.js";
import type { VerbContext } from "../verb-context.js";

interface ExportOptions {
  readonly format?: FileFormat;
  readonly prefix?: string;
  readonly quiet?: boolean;
}

export function exportVerb(context: VerbContext): Command {
  const command = new Command("export")
    .summary("write all entries as NDJSON, CSV or TSV")
    .description(
      "Writes all entries to a file or stdout, in ring order (not in key order), in rows that `bigmap import` reads back\n" +
        'byte for byte: "key", "value", and "encoding": "base64" where the bytes are no text.',
    )
    .argument("<map>", "name of the map")
    .argument("[file]", 'the file, which is overwritten; "-" or nothing writes to stdout')
    .addOption(
      new Option("--format <format>", "ndjson, csv or tsv; by default as the file's name ends, else ndjson").argParser(oneOf(fileFormats)),
    )
    .option("--prefix <text>", "only keys that begin with this text")
    .option("--quiet", "no progress and no summary on stderr")
    .addHelpText(
      "after",
      `
Examples:
  bigmap export users users.ndjson
  bigmap export users --format csv | gzip > users.csv.gz
  bigmap export users --prefix admin/ | jq .key`,
    );
  return command.action(async (map: string, file: string | undefined, options: ExportOptions) => {
    await context.withClient(command, async (bigmap, { json }) => {
      const { clock, stderr, stdout } = context.terminal;
      const handle = bigmap.map(map, { key: bytes, value: bytes });
      const total = options.prefix === undefined ? (await handle.stats()).entries : undefined;
      const toStdout = file === undefined || file === "-";
      const target = toStdout ? stdout : await openTarget(file);
      const progress = startProgress({ clock, stream: stderr, label: `export ${map}`, total, quiet: options.quiet === true });
      let summary: LoadSummary;
      try {
        const entries = handle.scan({
          ...(options.prefix === undefined ? {} : { prefix: Buffer.from(options.prefix) }),
          signal: context.terminal.signal,
        });
        const codec = formatCodecs[options.format ?? formatOfPath(file ?? "") ?? "ndjson"];
        summary = await exportRows(entries, codec, target, clock, (state) => progress.update({ done: state.entries, ...state }));
        if (!toStdout) await end(target);
      } finally {
        progress.stop();
      }
      // On stdout are the entries, so the summary goes to stderr there, as JSON too.
      const text = json ? JSON.stringify(summary) : summaryText("exported", summary);
      if (options.quiet !== true) stderr.write(`${text}\n`);
    });
  });
}

async function openTarget(file: string): Promise<Writable> {
  const stream = createWriteStream(file);
  try {
    await once(stream, "open");
    return stream;
  } catch (error) {
    throw new BigMapError("INVALID_ARGUMENT", `Cannot write ${file}: ${(error as Error).message}`, { cause: error });
  }
}
