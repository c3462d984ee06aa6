import * as grpc from "@grpc/grpc-js";
import { BigMapError, errorTable, type ErrorCode } from "../base/errors.js";
import { decodeStatusDetails, encodeStatusDetails } from "../proto/error-codec.js";

const detailsTrailer = "grpc-status-details-bin";

/** Trailers travel as HTTP/2 headers, whose size peers limit; a message need not be longer for people either. */
const messageMaxChars = 1_000;

export interface GrpcStatus {
  readonly code: grpc.status;
  readonly details: string;
  readonly metadata: grpc.Metadata;
}

/** What a failed call says without a detail of ours: it failed below BigMap, in gRPC or on the network. */
const codesOfBareStatus: ReadonlyMap<grpc.status, ErrorCode> = new Map([
  [grpc.status.CANCELLED, "CANCELLED"],
  [grpc.status.INVALID_ARGUMENT, "INVALID_ARGUMENT"],
  [grpc.status.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"],
  // A stream that was reset because its reader is slow (`resetStream`): it had no room for a detail.
  [grpc.status.RESOURCE_EXHAUSTED, "OVERLOADED"],
  [grpc.status.UNIMPLEMENTED, "UNIMPLEMENTED"],
  [grpc.status.UNAVAILABLE, "UNAVAILABLE"],
]);

/** In all that gRPC's library says of a message over its limits, for which it uses RESOURCE_EXHAUSTED too. */
const tooLargeWords = "larger than";

/** The status of a failed call: code, message and the trailer that carries the ErrorDetail. */
export function toGrpcStatus(error: BigMapError): GrpcStatus {
  const code = grpc.status[errorTable[error.code].grpcStatus];
  const short = error.message.length <= messageMaxChars ? error : shortened(error);
  const metadata = new grpc.Metadata();
  metadata.set(detailsTrailer, encodeStatusDetails(code, short));
  return { code, details: short.message, metadata };
}

/** The error in a status; one that fits the gRPC code where it has no detail of ours. */
export function fromGrpcStatus(status: {
  readonly code: grpc.status;
  readonly details: string;
  readonly metadata: grpc.Metadata;
}): BigMapError {
  return detailOf(status.metadata) ?? bareError(status);
}

/** Whether the peer's BigMap wrote the error itself, and so knows what happened to the call. */
export function hasErrorDetail(metadata: grpc.Metadata | undefined): boolean {
  return metadata !== undefined && detailOf(metadata) !== undefined;
}

function detailOf(metadata: grpc.Metadata): BigMapError | undefined {
  const [bytes] = metadata.get(detailsTrailer);
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    return decodeStatusDetails(bytes);
  } catch {
    // A trailer that cannot be read says less than the status it came with.
    return undefined;
  }
}

function bareError(status: { readonly code: grpc.status; readonly details: string }): BigMapError {
  const isTooLarge = status.code === grpc.status.RESOURCE_EXHAUSTED && status.details.includes(tooLargeWords);
  const code = isTooLarge ? "BATCH_TOO_LARGE" : (codesOfBareStatus.get(status.code) ?? "INTERNAL");
  return new BigMapError(code, `${status.details} (gRPC status ${grpc.status[status.code] ?? status.code})`);
}

function shortened(error: BigMapError): BigMapError {
  return new BigMapError(error.code, `${error.message.slice(0, messageMaxChars)}…`, {
    hint: error.hint,
    retry: error.retry,
    ...(error.currentVersion === undefined ? {} : { currentVersion: error.currentVersion }),
    ...(error.ownerAddress === undefined ? {} : { ownerAddress: error.ownerAddress }),
  });
}
