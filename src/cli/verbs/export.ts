import { Command, Option } from "commander";
import { bytes } from "../../client/codec.js";
import type { MapHandle } from "../../client/map-handle.js";
import { oneOf } from "../quantities.js";
import { write } from "../terminal.js";
import { ExportFile } from "../transfer/export-file.js";
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
    .argument("[file]", 'the file, which is replaced at the end; "-" or nothing writes to stdout')
    .addOption(
      new Option("--format <format>", "ndjson, csv or tsv; by default as the file's name ends, else ndjson").argParser(oneOf(fileFormats)),
    )
    .option("--prefix <text>", "only keys that begin with this text")
    .option("--quiet", "no progress and no summary on stderr")
    .addHelpText(
      "after",
      `
The file appears under its name when it is whole and on the disk. Until then the rows are in a file beside it, with a
name that ends with .part. Where the export fails or is interrupted, an earlier file of that name stays as it was.
A device or a pipe is written as it comes.

Examples:
  bigmap export users users.ndjson
  bigmap export users --format csv | gzip > users.csv.gz
  bigmap export users --prefix admin/ | jq .key`,
    );
  return command.action(async (map: string, file: string | undefined, options: ExportOptions) => {
    const target = file === undefined || file === "-" ? undefined : new ExportFile(file);
    try {
      await context.withClient(command, async (bigmap, { json }) => {
        const summary = await runExport(context, bigmap.map(map, { key: bytes, value: bytes }), file, target, options);
        // On stdout are the entries, so the summary goes to stderr there, as JSON too.
        const text = json ? JSON.stringify(summary) : summaryText("exported", summary);
        if (options.quiet !== true) context.terminal.stderr.write(`${text}\n`);
      });
    } catch (error) {
      // Here and not where it is written: after Ctrl-C nobody waits for that.
      await target?.discard();
      throw error;
    }
  });
}

/** `target` is undefined where the entries go to stdout. */
async function runExport(
  { terminal }: VerbContext,
  handle: MapHandle<Uint8Array>,
  file: string | undefined,
  target: ExportFile | undefined,
  options: ExportOptions,
): Promise<LoadSummary> {
  const { clock, signal, stderr, stdout } = terminal;
  const total = options.prefix === undefined ? (await handle.stats()).entries : undefined;
  await target?.open();
  const progress = startProgress({ clock, stream: stderr, label: `export ${handle.name}`, total, quiet: options.quiet === true });
  try {
    const entries = handle.scan({ ...(options.prefix === undefined ? {} : { prefix: Buffer.from(options.prefix) }), signal });
    const codec = formatCodecs[options.format ?? formatOfPath(file ?? "") ?? "ndjson"];
    const writeChunk = (chunk: string): Promise<void> => (target === undefined ? write(stdout, chunk) : target.write(chunk));
    const summary = await exportRows(entries, codec, writeChunk, clock, (state) => progress.update({ done: state.entries, ...state }));
    await target?.commit();
    return summary;
  } finally {
    progress.stop();
  }
}
