/** What gRPC's library has no way to do or tell. This reaches into it (1.14: server-call.ts, server-interceptors.ts). */
import { constants, type ServerHttp2Stream } from "node:http2";

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

function streamOf(call: object): ServerHttp2Stream | undefined {
  return (call as { readonly call?: { readonly stream?: ServerHttp2Stream } }).call?.stream;
}
