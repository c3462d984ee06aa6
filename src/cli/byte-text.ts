import { isUtf8 } from "node:buffer";
import { asBuffer } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";

/** How bytes are written on the command line and in files: as text, or as digits that can carry any byte. */
export type ByteEncoding = "utf8" | "hex" | "base64";

/** Bytes of an argument. Errors: INVALID_ARGUMENT where hex or base64 is malformed. */
export function decodeBytes(text: string, encoding: ByteEncoding): Buffer {
  if (encoding === "utf8") return Buffer.from(text, "utf8");
  const bytes = Buffer.from(text, encoding);
  // Node stops silently at the first wrong digit; the way back shows it.
  if (normalized(bytes.toString(encoding)) !== normalized(encoding === "hex" ? text.toLowerCase() : text)) {
    throw new BigMapError("INVALID_ARGUMENT", `"${text}" is not ${encoding === "hex" ? "hexadecimal" : "base64"}`, {
      hint: encoding === "hex" ? "Write two digits 0-9 a-f a byte." : "Write standard base64 (A-Z a-z 0-9 + /).",
    });
  }
  return bytes;
}

/** Bytes as text; in `utf8`, what is no valid UTF-8 becomes U+FFFD, as terminals do. */
export function encodeBytes(bytes: Uint8Array, encoding: ByteEncoding): string {
  return asBuffer(bytes).toString(encoding);
}

/** Bytes as exact text; undefined where they are no valid UTF-8. */
export function exactText(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? asBuffer(bytes).toString("utf8") : undefined;
}

/**
 * A key or value as fields of a JSON object that lose nothing: `{ key: "text" }`, or `{ keyBase64: "..." }` where the
 * bytes are no valid UTF-8. With `--hex` or `--base64` always in that encoding, under the plain name.
 */
export function jsonField(name: string, bytes: Uint8Array, encoding: ByteEncoding): Record<string, string> {
  if (encoding !== "utf8") return { [name]: encodeBytes(bytes, encoding) };
  const text = exactText(bytes);
  return text === undefined ? { [`${name}Base64`]: encodeBytes(bytes, "base64") } : { [name]: text };
}

function normalized(text: string): string {
  return text.replace(/=+$/, "");
}
