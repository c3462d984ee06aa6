/** How a `PeerWatch` gets at connections. This reaches into gRPC's library (1.14: channel-credentials.ts, server.ts). */
import type { ChannelCredentials, Server } from "@grpc/grpc-js";
import { listenersOf } from "./call-stream.js";
import type { PeerWatch } from "./peer-watch.js";
import { watchedPingTimeoutMs } from "./transport-options.js";

/**
 * Watches the connections of the channel that is made with these credentials. Whether it does: where the library gives no access to them,
 * its own limit for the answer to a ping is to stay.
 */
export function watchConnections(credentials: ChannelCredentials, watch: PeerWatch): boolean {
  // Its type promises it, another version of the library may not.
  const create = credentials._createSecureConnector as ChannelCredentials["_createSecureConnector"] | undefined;
  if (create === undefined) return false;
  credentials._createSecureConnector = (...options) => {
    const connector = create.apply(credentials, options);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      watch.addSocket(socket);
      return connect(socket);
    };
    return connector;
  };
  return true;
}

/**
 * Watches the connections of a server that listens, in place of its own limit for the answer to a ping. Where the library gives no access
 * to them that limit stays.
 */
export function watchClients(server: Server, watch: PeerWatch): void {
  const listeners = listenersOf(server);
  const inner = server as unknown as { keepaliveTimeoutMs?: number };
  if (listeners.length === 0 || inner.keepaliveTimeoutMs === undefined) return;
  inner.keepaliveTimeoutMs = watchedPingTimeoutMs;
  for (const listener of listeners) listener.on("connection", (socket) => watch.addSocket(socket));
}
