import { Option, type Command } from "commander";
import type { ByteEncoding } from "./byte-text.js";

/** Adds --hex and --base64: how keys and values are written on the command line and on stdout. */
export function addEncodingOptions(command: Command): Command {
  return command
    .addOption(new Option("--hex", "keys and values are hexadecimal digits").conflicts("base64"))
    .addOption(new Option("--base64", "keys and values are base64"));
}

export interface EncodingOptions {
  readonly hex?: boolean;
  readonly base64?: boolean;
}

export function encodingOf(options: EncodingOptions): ByteEncoding {
  if (options.hex === true) return "hex";
  return options.base64 === true ? "base64" : "utf8";
}
