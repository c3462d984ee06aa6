import type { Http2Session, ServerHttp2Stream } from "node:http2";

/**
 * How much may travel to an end that has not acknowledged it, in bytes: as much as several large messages, so that none waits for
 * acknowledgements of its own first part.
 */
export const receiveWindowBytes = 4 * 2 ** 20;

const widened = new WeakSet<Http2Session>();

/**
 * Lets the other end of the call's connection send as much as `receiveWindowBytes` ahead. By default that is 64 KiB: a message of 1 MiB
 * then travels in 32 trips. gRPC's library takes the window as an option for a channel, but not for a server, so this reaches into
 * it (1.14: server-call.ts, server-interceptors.ts). Where that is in vain the window just stays.
 */
export function widenReceiveWindow(call: object): void {
  const session = (call as { readonly call?: { readonly stream?: ServerHttp2Stream } }).call?.stream?.session;
  if (session === undefined || session.destroyed || widened.has(session)) return;
  widened.add(session);
  session.settings({ initialWindowSize: receiveWindowBytes });
  session.setLocalWindowSize(receiveWindowBytes);
}
