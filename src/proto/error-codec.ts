import protobuf from "protobufjs/minimal.js";
import { asBuffer } from "../base/bytes.js";
import { BigMapError, isErrorCode, type BigMapErrorDetails, type ErrorCode, type RetryAdvice } from "../base/errors.js";
import { frameInvalid } from "./frame-reader.js";
import { bigmap } from "./gen/bigmap.js";
import { fromOptionalLong, messageCodec, toLong } from "./message-codec.js";
import v1 = bigmap.v1;

const detailTypeUrl = "type.googleapis.com/bigmap.v1.ErrorDetail";

const adviceToWire: Readonly<Record<RetryAdvice, v1.RetryAdvice>> = {
  permanent: v1.RetryAdvice.RETRY_ADVICE_PERMANENT,
  transient: v1.RetryAdvice.RETRY_ADVICE_TRANSIENT,
  "outcome unknown": v1.RetryAdvice.RETRY_ADVICE_OUTCOME_UNKNOWN,
};

const adviceFromWire: ReadonlyMap<number, RetryAdvice> = new Map([
  [v1.RetryAdvice.RETRY_ADVICE_PERMANENT, "permanent"],
  [v1.RetryAdvice.RETRY_ADVICE_TRANSIENT, "transient"],
  [v1.RetryAdvice.RETRY_ADVICE_OUTCOME_UNKNOWN, "outcome unknown"],
]);

/** What stands for a code of a newer version: callers decide by the advice, which such an error keeps. */
const standIns: Readonly<Record<RetryAdvice, ErrorCode>> = {
  permanent: "INTERNAL",
  transient: "UNAVAILABLE",
  "outcome unknown": "OUTCOME_UNKNOWN",
};

/** bigmap.v1.ErrorDetail <-> BigMapError; causes stay at home. */
export const errorDetailCodec = messageCodec(v1.ErrorDetail, errorToWire, errorFromWire);

export function encodeErrorDetail(error: BigMapError): Buffer {
  return errorDetailCodec.encode(error);
}

/** Errors: FRAME_INVALID is thrown, not returned, where the bytes are no error detail. */
export function decodeErrorDetail(bytes: Uint8Array): BigMapError {
  return errorDetailCodec.decode(bytes);
}

/** The fields of an ErrorDetail inside another message. */
export function errorToWire(error: BigMapError): v1.ErrorDetail.$Properties {
  return {
    code: error.code,
    message: error.message,
    retry: adviceToWire[error.retry],
    hint: error.hint,
    currentVersion: toLong(error.currentVersion ?? 0),
    ownerAddress: error.ownerAddress ?? "",
  };
}

export function errorFromWire(wire: v1.ErrorDetail.$Properties): BigMapError {
  const advice = adviceFromWire.get(wire.retry ?? 0);
  const code = wire.code ?? "";
  const message = wire.message ?? "";
  if (isErrorCode(code)) return new BigMapError(code, message, detailsOf(wire, advice, code === "CONDITION_FAILED"));
  return new BigMapError(standIns[advice ?? "permanent"], code === "" ? message : `${code}: ${message}`, detailsOf(wire, advice, false));
}

/**
 * The trailer `grpc-status-details-bin`: google.rpc.Status {1: code, 2: message, 3: Any {1: type, 2: ErrorDetail}}. So
 * few fields that its .proto file is not worth carrying along.
 */
export function encodeStatusDetails(grpcStatus: number, error: BigMapError): Buffer {
  const writer = protobuf.Writer.create();
  writer.uint32(8).int32(grpcStatus).uint32(18).string(error.message);
  writer.uint32(26).fork();
  writer.uint32(10).string(detailTypeUrl).uint32(18).bytes(encodeErrorDetail(error));
  return asBuffer(writer.ldelim().finish());
}

/** The error in a `grpc-status-details-bin` trailer; undefined where it has none of ours. Errors: FRAME_INVALID. */
export function decodeStatusDetails(bytes: Uint8Array): BigMapError | undefined {
  try {
    const detail = findDetail(protobuf.Reader.create(bytes));
    return detail === undefined ? undefined : decodeErrorDetail(detail);
  } catch (error) {
    throw error instanceof BigMapError ? error : frameInvalid("The status details cannot be read", error);
  }
}

function findDetail(reader: protobuf.Reader): Uint8Array | undefined {
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag !== 26) {
      reader.skipType(tag & 7);
      continue;
    }
    const detail = readAny(protobuf.Reader.create(reader.bytes()));
    if (detail !== undefined) return detail;
  }
  return undefined;
}

function readAny(reader: protobuf.Reader): Uint8Array | undefined {
  let typeUrl = "";
  let value: Uint8Array = new Uint8Array(0);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) typeUrl = reader.string();
    else if (tag === 18) value = reader.bytes();
    else reader.skipType(tag & 7);
  }
  return typeUrl === detailTypeUrl ? value : undefined;
}

function detailsOf(wire: v1.ErrorDetail.$Properties, retry: RetryAdvice | undefined, hasVersion: boolean): BigMapErrorDetails {
  const currentVersion = fromOptionalLong(wire.currentVersion);
  const ownerAddress = wire.ownerAddress ?? "";
  const hint = wire.hint ?? "";
  return {
    ...(hasVersion || currentVersion > 0 ? { currentVersion } : {}),
    ...(ownerAddress === "" ? {} : { ownerAddress }),
    ...(hint === "" ? {} : { hint }),
    ...(retry === undefined ? {} : { retry }),
  };
}
