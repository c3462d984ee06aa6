import { logVerbosity, setLogVerbosity, type ChannelOptions } from "@grpc/grpc-js";
import { limits } from "../base/limits.js";

// What goes wrong reaches the caller as an error; lines of the library's own on stderr would stand beside it unasked.
// GRPC_VERBOSITY brings them back for whoever looks for a fault.
if ((process.env["GRPC_VERBOSITY"] ?? process.env["GRPC_NODE_VERBOSITY"]) === undefined) setLogVerbosity(logVerbosity.NONE);

/** How long the library waits for the answer to a ping where `PeerWatch` decides who has gone: for ever. */
export const watchedPingTimeoutMs = 2 ** 31 - 1;

/** Both ends: message sizes, and pings that notice a peer which vanished without a word within half a minute. */
const sharedOptions: ChannelOptions = {
  "grpc.max_receive_message_length": limits.messageMaxBytes,
  "grpc.max_send_message_length": limits.messageMaxBytes,
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
};

export const serverOptions: ChannelOptions = { ...sharedOptions, "grpc.max_concurrent_streams": limits.connectionCallsMost };

export const channelOptions: ChannelOptions = {
  ...sharedOptions,
  // A server knows no such option; there it is `widenReceiveWindow`.
  "grpc-node.flow_control_window": limits.receiveWindowBytes,
  "grpc.keepalive_permit_without_calls": 1,
  // Retries belong to the client, which knows what may be repeated.
  "grpc.enable_retries": 0,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
  "grpc.service_config_disable_resolution": 1,
  "grpc.use_local_subchannel_pool": 1,
};

/** Of a channel whose connections are watched. */
export const watchedChannelOptions: ChannelOptions = { ...channelOptions, "grpc.keepalive_timeout_ms": watchedPingTimeoutMs };
