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

function streamOf(call: object): ServerHttp2Stream | undefined {
  return (call as { readonly call?: { readonly stream?: ServerHttp2Stream } }).call?.stream;
}
