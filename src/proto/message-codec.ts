import Long from "long";
import { asBuffer } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { frameInvalid } from "./frame-reader.js";

/** Turns one kind of message into bytes and back. */
export interface MessageCodec<Message> {
  encode(message: Message): Buffer;
  /** Errors: FRAME_INVALID. Byte fields are slices of `bytes`. */
  decode(bytes: Uint8Array): Message;
}

/** What the generated code offers for a message. */
interface GeneratedType<Sent, Received> {
  encode(message: Sent): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Received;
}

/** A codec over the generated code: `toWire` and `fromWire` translate between its objects and our types. */
export function messageCodec<Message, Sent, Received>(
  type: GeneratedType<Sent, Received>,
  toWire: (message: Message) => Sent,
  fromWire: (wire: Received) => Message,
): MessageCodec<Message> {
  return {
    encode: (message) => asBuffer(type.encode(toWire(message)).finish()),
    decode: (bytes) => fromWire(decodeWire(type, bytes)),
  };
}

/** The bytes themselves, for messages that a codec of their own reads. */
export const rawCodec: MessageCodec<Buffer> = { encode: (bytes) => bytes, decode: asBuffer };

export function toLong(number: number): Long {
  return Long.fromNumber(number, true);
}

/** A 64-bit number of a message. Errors: FRAME_INVALID where it is not below 2^53. */
export function fromLong(long: Long): number {
  const number = (long.high >>> 0) * 2 ** 32 + (long.low >>> 0);
  if (number > Number.MAX_SAFE_INTEGER) throw frameInvalid("A number is not below 2^53");
  return number;
}

/** A 64-bit number of an inner message, where the generated types allow that it is left out. */
export function fromOptionalLong(long: Long | null | undefined): number {
  return long === null || long === undefined ? 0 : fromLong(long);
}

function decodeWire<Received>(type: GeneratedType<never, Received>, bytes: Uint8Array): Received {
  try {
    return type.decode(bytes);
  } catch (error) {
    if (error instanceof BigMapError) throw error;
    throw frameInvalid(error instanceof Error ? error.message : "The message cannot be read", error);
  }
}
