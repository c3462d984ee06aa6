import { constants, type ServerHttp2Stream } from "node:http2";

/**
 * Cuts a call off, and lets go of what was written and not sent; the caller sees RESOURCE_EXHAUSTED, which a client takes for OVERLOADED.
 * gRPC's library ends a call only behind all that was written, which stays in memory where the other end does not read. It has no way to
 * reset a stream, so this reaches into it (1.14: server-call.ts, server-interceptors.ts). Where that is in vain the call just stays.
 */
export function resetStream(call: object): void {
  const { stream } = (call as { readonly call?: { readonly stream?: ServerHttp2Stream } }).call ?? {};
  stream?.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  // Without it the reset itself would wait for a connection that takes nothing.
  stream?.destroy();
}
