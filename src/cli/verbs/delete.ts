import { Command, Option } from "commander";
import { bytes } from "../../client/codec.js";
import { decodeBytes, jsonField } from "../byte-text.js";
import { addEncodingOptions, encodingOf, type EncodingOptions } from "../encoding-options.js";
import { exitCodes } from "../exit-codes.js";
import { wholeNumber } from "../quantities.js";
import type { VerbContext } from "../verb-context.js";

interface DeleteOptions extends EncodingOptions {
  readonly ifVersion?: number;
}

export function deleteVerb(context: VerbContext): Command {
  const command = new Command("delete")
    .summary("delete the entry of a key")
    .description("Deletes the entry of a key. It is gone for good when the command ends. Exits with 3 where there was no entry.")
    .argument("<map>", "name of the map")
    .argument("<key>", "the key")
    .addOption(new Option("--if-version <n>", "only if the entry has this version, else exit with 4").argParser(wholeNumber(1)));
  return addEncodingOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  bigmap delete users alice
  bigmap delete users alice --if-version 7`,
    )
    .action(async (map: string, key: string, options: DeleteOptions) => {
      await context.withClient(command, async (bigmap, { json }) => {
        const keyBytes = decodeBytes(key, encodingOf(options));
        const condition = options.ifVersion === undefined ? {} : { ifVersion: options.ifVersion };
        const existed = await bigmap.map(map, { key: bytes, value: bytes }).delete(keyBytes, condition);
        if (json) await context.printJson({ ...jsonField("key", keyBytes, encodingOf(options)), existed });
        if (!existed) context.exitCode = exitCodes.notFound;
      });
    });
}
