import { Command } from "commander";
import type { ScanEntry } from "../../client/scan.js";
import { bytes } from "../../client/codec.js";
import { decodeBytes, encodeBytes, jsonField, type ByteEncoding } from "../byte-text.js";
import { addEncodingOptions, encodingOf, type EncodingOptions } from "../encoding-options.js";
import { wholeNumber } from "../quantities.js";
import { write } from "../terminal.js";
import type { VerbContext } from "../verb-context.js";

interface ScanVerbOptions extends EncodingOptions {
  readonly prefix?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly keysOnly?: boolean;
}

export function scanVerb(context: VerbContext): Command {
  const command = new Command("scan")
    .summary("print entries, all or those with a prefix")
    .description(
      "Prints entries in ring order (not in key order), one a line: key, tab, value. Where --limit ends the scan, stderr has\n" +
        "the cursor with which the next one goes on. Use --json or `bigmap export` where keys or values may hold tabs\nor newlines.",
    )
    .argument("<map>", "name of the map")
    .option("--prefix <text>", "only keys that begin with this text")
    .option("--limit <n>", "at most this many entries", wholeNumber(1))
    .option("--cursor <text>", "where an earlier scan of the same map and prefix ended")
    .option("--keys-only", "keys without their values");
  return addEncodingOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  bigmap scan users
  bigmap scan users --prefix admin/ --keys-only
  bigmap scan users --limit 10 --json      the last line has the cursor: {"cursor":"..."}`,
    )
    .action(async (map: string, options: ScanVerbOptions) => {
      await context.withClient(command, async (bigmap, { json }) => {
        const encoding = encodingOf(options);
        const scan = bigmap.map(map, { key: bytes, value: bytes }).scan({
          ...(options.prefix === undefined ? {} : { prefix: decodeBytes(options.prefix, encoding) }),
          ...(options.limit === undefined ? {} : { limit: options.limit }),
          ...(options.cursor === undefined ? {} : { cursor: decodeBytes(options.cursor, "base64") }),
          keysOnly: options.keysOnly === true,
          signal: context.terminal.signal,
        });
        const line = json ? jsonLine : textLine;
        for await (const entry of scan) await write(context.terminal.stdout, line(entry, encoding, options.keysOnly === true));
        await printCursor(context, scan.cursor, json);
      });
    });
}

async function printCursor(context: VerbContext, cursor: Uint8Array | undefined, json: boolean): Promise<void> {
  if (cursor === undefined) return;
  const text = encodeBytes(cursor, "base64");
  if (json) await context.printJson({ cursor: text });
  else context.terminal.stderr.write(`There is more: --cursor ${text}\n`);
}

function jsonLine(entry: ScanEntry<Uint8Array, Uint8Array>, encoding: ByteEncoding, keysOnly: boolean): string {
  const value = keysOnly ? {} : jsonField("value", entry.value, encoding);
  return `${JSON.stringify({ ...jsonField("key", entry.key, encoding), ...value, version: entry.version })}\n`;
}

function textLine(entry: ScanEntry<Uint8Array, Uint8Array>, encoding: ByteEncoding, keysOnly: boolean): string {
  return encodeBytes(entry.key, encoding) + (keysOnly ? "" : `\t${encodeBytes(entry.value, encoding)}`) + "\n";
}
