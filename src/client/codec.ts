import { asBuffer } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import { isWellFormed } from "../base/well-formed.js";
import { copyOf } from "./value-slab.js";

/**
 * How an application's type becomes bytes and comes back. A string that `encode` returns is stored as UTF-8. What either
 * function throws reaches the caller as CODEC_FAILED.
 */
export interface Codec<T> {
  encode(value: T): Uint8Array | string;
  /** `bytes` may share memory with other entries: keep a copy, not a view. */
  decode(bytes: Uint8Array): T;
}

const fromSlice = Symbol("fromSlice");

/** One of ours, which reads from the middle of other bytes without a view of them. */
interface SliceCodec<T> extends Codec<T> {
  [fromSlice](source: Uint8Array, start: number, end: number): T;
}

const bytesCodec: SliceCodec<Uint8Array> = {
  encode(value) {
    if (!(value instanceof Uint8Array)) throw new BigMapError("CODEC_FAILED", "The bytes codec takes a Uint8Array");
    return value;
  },
  decode: (stored) => copyOf(stored),
  [fromSlice]: copyOf,
};

const utf8Codec: SliceCodec<string> = {
  encode(value) {
    if (typeof value !== "string") throw new BigMapError("CODEC_FAILED", "The utf8 codec takes a string");
    return value;
  },
  decode: (stored) => decodeUtf8(stored),
  [fromSlice]: decodeUtf8,
};

/** Bytes as they are. What `decode` returns is the caller's own copy. */
export const bytes: Codec<Uint8Array> = bytesCodec;

/** Text as UTF-8. Text with half a surrogate pair, and bytes that are not UTF-8, are CODEC_FAILED, never altered. */
export const utf8: Codec<string> = utf8Codec;

/** JSON as UTF-8. What JSON cannot say (undefined, functions, cycles, BigInt) is CODEC_FAILED. */
export function json<T = unknown>(): Codec<T> {
  return jsonCodec as Codec<T>;
}

const jsonCodec: Codec<unknown> = {
  encode(value) {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new BigMapError("CODEC_FAILED", `JSON has no form for a value of type ${typeof value}`);
    return text;
  },
  decode: (stored) => JSON.parse(decodeUtf8(stored)) as unknown,
};

/** The key as it is sent, within its limits. Errors: KEY_EMPTY, KEY_TOO_LARGE, CODEC_FAILED. */
export function encodeKey<K>(codec: Codec<K>, key: K): Uint8Array | string {
  const encoded = encodeText(codec, key);
  const sizeBytes = typeof encoded === "string" ? utf8SizeBytes(encoded, limits.keyMaxBytes) : encoded.length;
  if (sizeBytes === 0) throw new BigMapError("KEY_EMPTY", "The key is empty");
  if (sizeBytes > limits.keyMaxBytes) {
    throw new BigMapError("KEY_TOO_LARGE", `The key has ${sizeBytes} bytes; at most ${limits.keyMaxBytes} are allowed`);
  }
  return encoded;
}

/** The value as it is sent, within its limit. Errors: VALUE_TOO_LARGE, CODEC_FAILED. */
export function encodeValue<V>(codec: Codec<V>, value: V): Uint8Array {
  const stored = toBytes(encodeText(codec, value));
  if (stored.length > limits.valueMaxBytes) {
    throw new BigMapError("VALUE_TOO_LARGE", `The value has ${stored.length} bytes; at most ${limits.valueMaxBytes} are allowed`);
  }
  return stored;
}

/** The bytes that keys with this encoded beginning share. Errors: KEY_TOO_LARGE, CODEC_FAILED. */
export function encodePrefix<K>(codec: Codec<K>, prefix: K): Uint8Array {
  const stored = toBytes(encodeText(codec, prefix));
  if (stored.length > limits.keyMaxBytes)
    throw new BigMapError("KEY_TOO_LARGE", `The prefix has ${stored.length} bytes; no key is that long`);
  return stored;
}

/** Errors: CODEC_FAILED. */
export function decode<T>(codec: Codec<T>, stored: Uint8Array): T {
  try {
    return codec.decode(stored);
  } catch (error) {
    throw codecFailed("The codec could not read the stored bytes", error);
  }
}

/** As `decode`, of `source[start .. end)`. HOT. */
export function decodeSlice<T>(codec: Codec<T>, source: Uint8Array, start: number, end: number): T {
  if (!(fromSlice in codec)) return decode(codec, source.subarray(start, end));
  try {
    return (codec as SliceCodec<T>)[fromSlice](source, start, end);
  } catch (error) {
    throw codecFailed("The codec could not read the stored bytes", error);
  }
}

function encodeText<T>(codec: Codec<T>, value: T): Uint8Array | string {
  let encoded;
  try {
    encoded = codec.encode(value);
  } catch (error) {
    throw codecFailed("The codec could not turn the value into bytes", error);
  }
  if (typeof encoded === "string") {
    if (!isWellFormed(encoded)) throw new BigMapError("CODEC_FAILED", "The text holds half a surrogate pair, which UTF-8 cannot say");
  } else if (!(encoded instanceof Uint8Array)) {
    throw new BigMapError("CODEC_FAILED", "The codec returned neither bytes nor text");
  }
  return encoded;
}

function codecFailed(message: string, error: unknown): BigMapError {
  if (error instanceof BigMapError && error.code === "CODEC_FAILED") return error;
  return new BigMapError("CODEC_FAILED", `${message}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

export function toBytes(encoded: Uint8Array | string): Uint8Array {
  return typeof encoded === "string" ? Buffer.from(encoded, "utf8") : encoded;
}

/** The size in UTF-8; counted only where the number of UTF-16 units cannot rule out `maxBytes`. */
function utf8SizeBytes(text: string, maxBytes: number): number {
  return text.length * 3 <= maxBytes ? text.length : Buffer.byteLength(text, "utf8");
}

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Buffer is several times faster on short text than TextDecoder, but marks bad bytes instead of refusing them. */
function decodeUtf8(stored: Uint8Array, start = 0, end = stored.length): string {
  const text = asBuffer(stored).toString("utf8", start, end);
  return text.includes("\ufffd") ? strictDecoder.decode(stored.subarray(start, end)) : text;
}
