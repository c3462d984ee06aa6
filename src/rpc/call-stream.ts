/** What gRPC's library has no way to do or tell. This reaches into it (1.14: server.ts, server-call.ts, server-interceptors.ts). */
import { constants, type Http2Session, type ServerHttp2Stream, type Settings } from "node:http2";
import type { Server as NetServer } from "node:net";
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
  readonly readPartialMessage: Buffer[];
  /** The first byte of the message, cut out of what came. */
  readCompressFlag: Buffer;
}

/** What a slice costs beside its bytes: a message may come in slices of one byte. */
const sliceOverheadBytes = 256;
const flags = { plain: Buffer.of(0), compressed: Buffer.of(1) };

/**
 * Calls `run` for all that comes on a call, as an interceptor has it: with the bytes that are held of a message that is not whole, 0 where
 * there is none, and with the bytes of those that became whole. The call's stream; undefined where the library gives no access to it. Where
 * it does, what the library holds pins nothing else: what is read from the network is memory of up to 64 KiB, in which each slice would
 * keep the slices of other calls too; so each is copied, for a microsecond in 16 KiB, before the library joins them. HOT.
 */
export function onMessageParts(call: object, run: (partBytes: number, wholeBytes: number) => void): ServerHttp2Stream | undefined {
  const { stream, decoder } = call as { readonly stream?: ServerHttp2Stream; readonly decoder?: Decoder };
  if (stream === undefined || decoder === undefined) return undefined;
  const write = decoder.write.bind(decoder);
  let slices = 0;
  let heldBytes = 0;
  decoder.write = (data) => {
    const messages = write(data);
    decoder.readCompressFlag = decoder.readCompressFlag[0] === 1 ? flags.compressed : flags.plain;
    let wholeBytes = 0;
    for (const message of messages) wholeBytes += message.length;
    if (wholeBytes > 0) slices = heldBytes = 0;
    const parts = decoder.readPartialMessage;
    if (decoder.readState === 0) run(0, wholeBytes);
    else {
      // Each write cuts one slice at most.
      if (parts.length > slices) {
        const slice = (parts[slices] = unpooledCopy(parts[slices] as Buffer));
        heldBytes += sliceOverheadBytes + slice.length;
        slices++;
      }
      run(1 + heldBytes, wholeBytes);
    }
    return messages;
  };
  return stream;
}

/** Not one of the pieces that node cuts from larger memory. */
function unpooledCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** The name of the algorithm by which the messages of a call are compressed, as an interceptor has it; "identity" for none. */
export function encodingOf(call: object): string {
  return (call as { readonly incomingEncoding?: string }).incomingEncoding ?? "identity";
}

/** Calls with more metadata than this are refused by node. What a server would take by default is 64 KiB, of every call that is open. */
export function limitMetadata(server: object, mostBytes: number): void {
  const options = (server as { readonly commonServerOptions?: { settings?: Settings } }).commonServerOptions;
  if (options !== undefined) options.settings = { ...options.settings, maxHeaderListSize: mostBytes };
}

/** What listens for a server's connections; none before it is bound, or where the library gives no access to it. */
export function listenersOf(server: object): NetServer[] {
  return [...((server as { readonly http2Servers?: ReadonlyMap<NetServer, unknown> }).http2Servers?.keys() ?? [])];
}
