import { InvalidArgumentError, Option } from "commander";
import { formatSizeBytes, parseSizeBytes } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import type { Token } from "../ring/token.js";

/**
 * Parsers of option values, for commander: each returns the value or throws InvalidArgumentError, which commander
 * reports with the option's name.
 */

/** The path of a folder; an empty text would be the folder in which the command runs. */
export function folder(text: string): string {
  if (text === "") throw new InvalidArgumentError("Write the path of a folder.");
  return text;
}

/** "4GiB" → bytes. */
export function sizeBytes(text: string): number {
  try {
    return parseSizeBytes(text);
  } catch (error) {
    throw new InvalidArgumentError(`${BigMapError.from(error).hint}`);
  }
}

/** An option of a size; its help shows the default as it may be typed. */
export function sizeOption(flags: string, description: string, defaultBytes: number): Option {
  const shown = formatSizeBytes(defaultBytes).replace(" ", "");
  return new Option(flags, description).argParser(sizeBytes).default(defaultBytes, shown);
}

/** An option of a duration, by default a whole number of seconds; its help shows the default as it may be typed. */
export function durationOption(flags: string, description: string, defaultSeconds: number): Option {
  return new Option(flags, description).argParser(durationMs).default(defaultSeconds * 1_000, `${defaultSeconds}s`);
}

const durationUnitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** "10s", "500ms", "2m", "1h" → milliseconds. */
export function durationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim());
  const unitMs = durationUnitsMs[match?.[2] ?? ""];
  if (match === null || unitMs === undefined) throw new InvalidArgumentError("Write a duration as 10s, 500ms, 2m or 1h.");
  return Number(match[1]) * unitMs;
}

/** A whole number of at least `min`. Underscores and commas between digits are allowed: 1_000_000. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const number = Number(text.replace(/[_,](?=\d)/g, ""));
    if (!Number.isSafeInteger(number) || number < min) throw new InvalidArgumentError(`Write a whole number of at least ${min}.`);
    return number;
  };
}

/** 16 hexadecimal digits, as `bigmap ring` prints them. */
export function token(text: string): Token {
  const digits = /^(?:0x)?([0-9a-f]{16})$/i.exec(text)?.[1];
  if (digits === undefined) throw new InvalidArgumentError("Write a token as 16 hexadecimal digits, such as 8000000000000000.");
  return { high: Number.parseInt(digits.slice(0, 8), 16), low: Number.parseInt(digits.slice(8), 16) };
}

/** HOST:PORT; an IPv6 host in brackets. */
export function endpoint(text: string): string {
  const match = /^(\[[0-9a-f:.%]+\]|[^:\s/]+):(\d{1,5})$/i.exec(text);
  if (match === null || Number(match[2]) > 65_535) throw new InvalidArgumentError("Write HOST:PORT, such as 127.0.0.1:7400.");
  return text;
}

/** One of the choices, with its type kept. */
export function oneOf<Choice extends string>(choices: readonly Choice[]): (text: string) => Choice {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw new InvalidArgumentError(`Allowed: ${choices.join(", ")}.`);
    return found;
  };
}
