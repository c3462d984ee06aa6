import { BigMapError } from "./errors.js";

export const emptyBytes = new Uint8Array(0);

/** Lexicographic order of unsigned bytes: negative, 0 or positive. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  return Buffer.compare(left, right);
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && Buffer.compare(left, right) === 0;
}

/** Whether `bytes[start .. end)` begin with the prefix. */
export function startsWithBytes(bytes: Uint8Array, prefix: Uint8Array, start = 0, end = bytes.length): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

/** Copies `source[start .. end)` to `target` at `offset`. HOT: for short runs a loop beats a call into native code. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, offset: number): void {
  if (end - start > 64) {
    target.set(source.subarray(start, end), offset);
    return;
  }
  for (let i = start; i < end; i++) target[offset++] = source[i] as number;
}

/** The bytes as a Buffer over the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const sizeUnits: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
};

/** Parses "4GiB", "512 MiB", "1000" into a number of bytes. Errors: INVALID_ARGUMENT. */
export function parseSizeBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(text);
  const unitBytes = match === null ? undefined : sizeUnits[(match[2] ?? "").toLowerCase()];
  if (match === null || unitBytes === undefined) {
    throw new BigMapError("INVALID_ARGUMENT", `"${text}" is not a size`, { hint: "Write a size as 4GiB, 64MiB or a number of bytes." });
  }
  return Math.round(Number(match[1]) * unitBytes);
}

/** "1.5 GiB", "640 B": for people. */
export function formatSizeBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let scaled = bytes;
  let unit = 0;
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit++;
  }
  const digits = unit === 0 || Number.isInteger(scaled) ? 0 : scaled < 10 ? 2 : 1;
  return `${scaled.toFixed(digits)} ${units[unit]}`;
}
