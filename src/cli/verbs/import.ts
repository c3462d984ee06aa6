import { Command, Option } from "commander";
import { BigMapError } from "../../base/errors.js";
import type { BigMap } from "../../client/bigmap.js";
import { bytes } from "../../client/codec.js";
import type { MapHandle } from "../../client/map-handle.js";
import { reportError } from "../error-report.js";
import { exitCodes } from "../exit-codes.js";
import { letHeapGrow } from "../heap-growth.js";
import { oneOf } from "../quantities.js";
import { formatCodecs } from "../transfer/formats.js";
import { openSource } from "../transfer/import-source.js";
import { loadRows, type LoadSummary } from "../transfer/loader.js";
import { startProgress } from "../transfer/progress.js";
import { fileFormats, formatOfPath, type FileFormat } from "../transfer/row-stream.js";
import { summaryText } from "../transfer/summary.js";
import type { GlobalOptions, VerbContext } from "../verb-context.js";

interface ImportOptions {
  readonly format?: FileFormat;
  readonly key?: string;
  readonly value?: string;
  readonly wholeRow?: boolean;
  readonly skipBad?: boolean;
  readonly quiet?: boolean;
  readonly background?: boolean;
}

export function importVerb(context: VerbContext): Command {
  const command = new Command("import")
    .summary("load entries from NDJSON, CSV or TSV")
    .description(
      "Loads entries from a file or stdin, one a row. The value is the whole row as JSON, unless --value names a field, or\n" +
        'the rows are those of `bigmap export` (fields "key", "value" and perhaps "encoding", nothing else).',
    )
    .argument("<map>", "name of the map")
    .argument("[file]", 'the file; "-" or nothing reads stdin')
    .addOption(
      new Option("--format <format>", "ndjson, csv or tsv; by default as the file's name ends, else ndjson").argParser(oneOf(fileFormats)),
    )
    .option("--key <field>", 'field with the key (default: "key")')
    .addOption(new Option("--value <field>", "field with the value, instead of the whole row").conflicts("wholeRow"))
    .option("--whole-row", "the value is the whole row, even where the row looks like one of an export")
    .option("--skip-bad", "count rows that are no entries and go on, instead of stopping at the first; exits with 1 where there were any")
    .option("--background", "give way to other clients: slower while there are any, and their latency stays what it was")
    .option("--quiet", "no progress and no summary on stderr")
    .addHelpText(
      "after",
      `
Files are in UTF-8: a row with other bytes is a bad row. \`bigmap export\` writes such keys and values as base64.

JSON numbers with more than 15 digits in values may be rounded as JavaScript does; a whole row that is the value
keeps them. Write them as texts where every digit counts.

A key is a text, or a number up to 9007199254740991 that is printed as it stands in the file: 7 and 1.5, but not 1.0.
All else is a bad row: rounded, several keys would become one.

Of several rows with one key the last one stays. Each of them counts as an entry imported, so that a map may have
fewer entries.

Exits with 0 where every row was loaded. With --skip-bad and bad rows it loads the others, names each bad row with
its line, and exits with 1; without, the first bad row ends the import.

Examples:
  bigmap import users users.ndjson --key id
  bigmap import cities cities.csv --key name --value population
  zcat events.ndjson.gz | bigmap import events --key id --skip-bad
  bigmap export users users.ndjson && bigmap import copy users.ndjson`,
    );
  return command.action(async (map: string, file: string | undefined, options: ImportOptions) => {
    letHeapGrow();
    const load = async (bigmap: BigMap, { json }: GlobalOptions): Promise<void> => {
      const summary = await runImport(context, bigmap.map(map, { key: bytes, value: bytes }), file, options, json);
      if (json) await context.printJson(summary);
      else if (options.quiet !== true) context.terminal.stderr.write(`${summaryText("imported", summary)}\n`);
      if (summary.badRows > 0) context.exitCode = exitCodes.failure;
    };
    await context.withClientInOrder(command, load, { background: options.background === true });
  });
}

async function runImport(
  context: VerbContext,
  handle: MapHandle<Uint8Array>,
  file: string | undefined,
  options: ImportOptions,
  json: boolean,
): Promise<LoadSummary> {
  const { clock, signal, stderr } = context.terminal;
  const source = await openSource(context.terminal, file);
  const codec = formatCodecs[options.format ?? formatOfPath(file ?? "") ?? "ndjson"];
  const mapping = { keyField: options.key, valueField: options.value, wholeRow: options.wholeRow === true };
  const progress = startProgress({
    clock,
    stream: stderr,
    label: `import ${handle.name}`,
    total: source.sizeBytes,
    quiet: options.quiet === true,
  });
  try {
    return await loadRows(codec.read(source.stream, mapping), (puts) => handle.putPacked(puts), {
      clock,
      signal,
      skipBad: options.skipBad === true,
      onBadRow: ({ lineNumber, error }) => {
        if (options.quiet === true || error === undefined) return;
        // Their hints are for those who let a bad row end the import.
        const passedOver = new BigMapError(error.code, `Line ${lineNumber} passed over: ${error.message}`, { cause: error, hint: "" });
        reportError(passedOver, context.terminal, json);
      },
      onProgress: ({ entries, bytes: entryBytes }) => progress.update({ done: source.readBytes(), entries, bytes: entryBytes }),
    });
  } finally {
    progress.stop();
    source.stream.destroy();
  }
}
