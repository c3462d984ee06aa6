import type { ServerInterceptingCall, ServerInterceptor } from "@grpc/grpc-js";
import { BigMapError } from "../base/errors.js";
import { encodingOf } from "./call-stream.js";
import { toGrpcStatus, type GrpcStatus } from "./grpc-status.js";

/**
 * Refuses calls whose messages are compressed, before one is read: gRPC's library decompresses those of all calls at once, and 7 KB of a
 * thousand calls each became 7 GiB. The caller is told as gRPC wants it (its document "Compression"): UNIMPLEMENTED, and what is accepted.
 */
export const refuseCompression: ServerInterceptor = (_method, call) => {
  const encoding = encodingOf(call);
  // The library wants the call to be set up before it ends; no message comes sooner.
  if (encoding !== "identity") process.nextTick(() => call.sendStatus(refusalOf(encoding)));
  // It takes any call, though its type says otherwise.
  return call as ServerInterceptingCall;
};

function refusalOf(encoding: string): GrpcStatus {
  const message = `This server reads no compressed messages, and the call's are compressed by "${encoding}"`;
  const hint = "Turn the compression of requests off in the client.";
  const status = toGrpcStatus(new BigMapError("UNIMPLEMENTED", message, { hint }));
  status.metadata.set("grpc-accept-encoding", "identity");
  return status;
}
