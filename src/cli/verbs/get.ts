import { Command } from "commander";
import { bytes } from "../../client/codec.js";
import { decodeBytes, encodeBytes, jsonField } from "../byte-text.js";
import { addEncodingOptions, encodingOf, type EncodingOptions } from "../encoding-options.js";
import { exitCodes } from "../exit-codes.js";
import { write, writeLine } from "../terminal.js";
import type { VerbContext } from "../verb-context.js";

interface GetOptions extends EncodingOptions {
  readonly raw?: boolean;
}

export function getVerb(context: VerbContext): Command {
  const command = new Command("get")
    .summary("print the value of a key")
    .description("Prints the value of a key. An absent key prints nothing and exits with 3.")
    .argument("<map>", "name of the map")
    .argument("<key>", "the key")
    .option("--raw", "the value's bytes as they are, without a newline after them");
  return addEncodingOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  bigmap get users alice
  bigmap get users alice --json            {"key":"alice","value":"...","version":7}
  bigmap get --raw images logo > logo.png
  bigmap get --hex blobs 00ff7f            key and value as hexadecimal digits`,
    )
    .action(async (map: string, key: string, options: GetOptions) => {
      await context.withClient(command, async (bigmap, { json }) => {
        const encoding = encodingOf(options);
        const keyBytes = decodeBytes(key, encoding);
        const entry = await bigmap.map(map, { key: bytes, value: bytes }).getEntry(keyBytes);
        const { stdout } = context.terminal;
        if (entry === undefined) context.exitCode = exitCodes.notFound;
        else if (json) {
          await context.printJson({
            ...jsonField("key", keyBytes, encoding),
            ...jsonField("value", entry.value, encoding),
            version: entry.version,
          });
        } else if (options.raw === true) await write(stdout, entry.value);
        else if (encoding === "utf8") await write(stdout, Buffer.concat([entry.value, Buffer.from("\n")]));
        else await writeLine(stdout, encodeBytes(entry.value, encoding));
      });
    });
}
