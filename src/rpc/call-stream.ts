/** What gRPC's library has no way to do or tell. This reaches into it (1.14: server-call.ts, server-interceptors.ts). */
import { constants, type Http2Session, type ServerHttp2Stream } from "node:http2";
import { limits } from "../base/limits.js";

const widened = new WeakSet<Http2Session>();

/**
 * Cuts a call off, and lets go of what was written and not sent; the caller sees RESOURCE_EXHAUSTED, which a client takes for OVERLOADED.
 * The library ends a call only behind all that was written, which stays in memory where the other end does not read. Where this is in vain
 * the call just stays.
 */
export function resetStream(call: object): void {
  const stream = streamOf(call);
  stream?.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  // Without it the reset itself would wait for a connection that takes nothing.
  stream?.destroy();
}

/** Bytes that the call's connection took so far, of all its calls together; 0 where it has ended. */
export function connectionTakenBytes(call: object): number {
  const session = streamOf(call)?.session;
  return session === undefined || session.destroyed ? 0 : session.socket.bytesWritten;
}

/**
 * Lets the other end of the call's connection send as much as `limits.receiveWindowBytes` ahead. By default that is 64 KiB: a message of
 * 1 MiB then travels in 32 trips. The library takes the window as an option for a channel, but not for a server. Where this is in vain
 * the window just stays.
 */
export function widenReceiveWindow(call: object): void {
  const session = streamOf(call)?.session;
  if (session === undefined || session.destroyed || widened.has(session)) return;
  widened.add(session);
  session.settings({ initialWindowSize: limits.receiveWindowBytes });
  session.setLocalWindowSize(limits.receiveWindowBytes);
}

/** The stream of HTTP/2 below a call, as a handler has it. */
export function streamOf(call: object): ServerHttp2Stream | undefined {
  return (call as { readonly call?: { readonly stream?: ServerHttp2Stream } }).call?.stream;
}

/** What the library's decoder of one call knows (stream-decoder.ts). */
interface Decoder {
  write: (data: Buffer) => Buffer[];
  /** 0: between two messages. */
  readonly readState: number;
  readonly readPartialMessage: readonly Buffer[];
  readonly readMessageSize: number;
  readonly readMessageRemaining: number;
}

/** What a slice costs beside its bytes: a message may come in slices of one byte. */
const sliceOverheadBytes = 128;

/**
 * Calls `run` for all that comes on a call, as an interceptor has it: with the bytes that are held of a message that is not whole, 0 where
 * there is none, and with whether one became whole. The call's stream; undefined where the library gives no access to it. HOT.
 */
export function onMessageParts(call: object, run: (partBytes: number, wasCompleted: boolean) => void): ServerHttp2Stream | undefined {
  const { stream, decoder } = call as { readonly stream?: ServerHttp2Stream; readonly decoder?: Decoder };
  if (stream === undefined || decoder === undefined) return undefined;
  const write = decoder.write.bind(decoder);
  decoder.write = (data) => {
    const messages = write(data);
    run(decoder.readState === 0 ? 0 : partBytesOf(decoder), messages.length > 0);
    return messages;
  };
  return stream;
}

function partBytesOf({ readMessageSize, readMessageRemaining, readPartialMessage }: Decoder): number {
  return 1 + readMessageSize - readMessageRemaining + sliceOverheadBytes * readPartialMessage.length;
}
