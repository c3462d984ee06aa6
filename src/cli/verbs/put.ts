import { Command, Option } from "commander";
import { createReadStream } from "node:fs";
import { BigMapError } from "../../base/errors.js";
import { limits } from "../../base/limits.js";
import { bytes } from "../../client/codec.js";
import { decodeBytes, jsonField } from "../byte-text.js";
import { addEncodingOptions, encodingOf, type EncodingOptions } from "../encoding-options.js";
import { wholeNumber } from "../quantities.js";
import { inputError, readAll } from "../terminal.js";
import type { VerbContext } from "../verb-context.js";

interface PutOptions extends EncodingOptions {
  readonly file?: string;
  readonly ifAbsent?: boolean;
  readonly ifVersion?: number;
}

export function putVerb(context: VerbContext): Command {
  const command = new Command("put")
    .summary("store a value under a key")
    .description("Stores a value under a key. It is durable when the command ends. The map comes into being with its first entry.")
    .argument("<map>", "name of the map")
    .argument("<key>", "the key, 1 B to 4 KiB")
    .argument("[value]", 'the value, up to 1 MiB; "-" or nothing reads it from stdin, byte for byte')
    .option("--file <path>", "read the value from a file, byte for byte")
    .addOption(new Option("--if-absent", "only if the key has no entry, else exit with 4").conflicts("ifVersion"))
    .addOption(new Option("--if-version <n>", "only if the entry has this version, else exit with 4").argParser(wholeNumber(1)));
  return addEncodingOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  bigmap put users alice '{"age":3}'
  bigmap put users alice < alice.json
  bigmap put images logo --file logo.png
  bigmap put users bob '{}' --if-absent
  bigmap put numbers zero -- -0            "--" before a value that begins with "-"`,
    )
    .action(async (map: string, key: string, value: string | undefined, options: PutOptions) => {
      await context.withClient(command, async (bigmap, { json }) => {
        const encoding = encodingOf(options);
        const keyBytes = decodeBytes(key, encoding);
        const valueBytes = await valueFor(context, value, options);
        const version = await bigmap.map(map, { key: bytes, value: bytes }).put(keyBytes, valueBytes, {
          ...(options.ifAbsent === true ? { ifAbsent: true } : {}),
          ...(options.ifVersion === undefined ? {} : { ifVersion: options.ifVersion }),
        });
        if (json) await context.printJson({ ...jsonField("key", keyBytes, encoding), version });
      });
    });
}

/** The value from the command line, a file or stdin. Errors: INVALID_ARGUMENT, VALUE_TOO_LARGE. */
async function valueFor(context: VerbContext, value: string | undefined, options: PutOptions): Promise<Buffer> {
  if (options.file !== undefined) {
    if (value !== undefined) throw new BigMapError("INVALID_ARGUMENT", "There is a value and a --file", { hint: "Give one of them." });
    return fileBytes(options.file);
  }
  if (value === undefined || value === "-") return readAll(context.terminal.stdin, limits.valueMaxBytes);
  return decodeBytes(value, encodingOf(options));
}

async function fileBytes(path: string): Promise<Buffer> {
  try {
    return await readAll(createReadStream(path), limits.valueMaxBytes);
  } catch (error) {
    if (error instanceof BigMapError) throw error;
    throw inputError(error as Error, path);
  }
}
