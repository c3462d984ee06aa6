import { emptyBytes } from "../base/bytes.js";
import type { BigMapError } from "../base/errors.js";
import { keyAt, ScanPageBuilder, valueAt, type ScanPage } from "../base/scan-page.js";
import { errorFromWire, errorToWire } from "./error-codec.js";
import { frameInvalid } from "./frame-reader.js";
import { bigmap } from "./gen/bigmap.js";
import { fromLong, fromOptionalLong, messageCodec, toLong } from "./message-codec.js";
import v1 = bigmap.v1;

/** Messages of the unary calls that read and write entries. */
export interface GetRequest {
  readonly map: string;
  readonly key: Uint8Array;
  readonly omitValue: boolean;
}

export interface GetResponse {
  readonly found: boolean;
  readonly value: Uint8Array;
  /** 0 where not found. */
  readonly version: number;
}

/** When an update may be applied; undefined: always. */
export type UpdateCondition = { readonly ifAbsent: true } | { readonly ifVersion: number } | undefined;

export interface PutRequest {
  readonly map: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly condition: UpdateCondition;
}

export interface DeleteRequest {
  readonly map: string;
  readonly key: Uint8Array;
  readonly condition: UpdateCondition;
}

export interface GetManyRequest {
  readonly map: string;
  readonly keys: readonly Uint8Array[];
  readonly omitValue: boolean;
}

export interface GetResult extends GetResponse {
  readonly error: BigMapError | undefined;
}

export interface EntryUpdate {
  readonly key: Uint8Array;
  /** The value to put; undefined: delete. */
  readonly put: Uint8Array | undefined;
  readonly condition: UpdateCondition;
}

export interface WriteRequest {
  readonly map: string;
  readonly updates: readonly EntryUpdate[];
}

export interface UpdateResult {
  /** For a put: the version of the entry now. */
  readonly version: number;
  /** For a delete: whether an entry was deleted. */
  readonly existed: boolean;
  readonly error: BigMapError | undefined;
}

export interface ScanRequest {
  readonly map: string;
  readonly prefix: Uint8Array;
  /** 0: all. */
  readonly limit: number;
  readonly cursor: Uint8Array | undefined;
  readonly keysOnly: boolean;
  /** The stream ends after one page. */
  readonly singlePage: boolean;
  /** As in ScanPageRequest. */
  readonly noForward: boolean;
}

export const getRequestCodec = messageCodec(
  v1.GetRequest,
  (message: GetRequest) => message,
  (wire) => ({ map: wire.map, key: wire.key, omitValue: wire.omitValue }),
);

export const getResponseCodec = messageCodec(
  v1.GetResponse,
  (message: GetResponse) => ({ ...message, version: toLong(message.version) }),
  (wire) => ({ found: wire.found, value: wire.value, version: fromLong(wire.version) }),
);

export const putRequestCodec = messageCodec(
  v1.PutRequest,
  (message: PutRequest) => ({ ...message, condition: conditionToWire(message.condition) }),
  (wire) => ({ map: wire.map, key: wire.key, value: wire.value, condition: conditionFromWire(wire.condition) }),
);

export const putResponseCodec = messageCodec(
  v1.PutResponse,
  (message: { readonly version: number }) => ({ version: toLong(message.version) }),
  (wire) => ({ version: fromLong(wire.version) }),
);

export const deleteRequestCodec = messageCodec(
  v1.DeleteRequest,
  (message: DeleteRequest) => ({ ...message, condition: conditionToWire(message.condition) }),
  (wire) => ({ map: wire.map, key: wire.key, condition: conditionFromWire(wire.condition) }),
);

export const deleteResponseCodec = messageCodec(
  v1.DeleteResponse,
  (message: { readonly existed: boolean }) => message,
  (wire) => ({ existed: wire.existed }),
);

export const getManyRequestCodec = messageCodec(
  v1.GetManyRequest,
  (message: GetManyRequest) => ({ ...message, keys: [...message.keys] }),
  (wire): GetManyRequest => ({ map: wire.map, keys: wire.keys, omitValue: wire.omitValue }),
);

export const getManyResponseCodec = messageCodec(
  v1.GetManyResponse,
  (message: { readonly results: readonly GetResult[] }) => ({ results: message.results.map(getResultToWire) }),
  (wire): { readonly results: readonly GetResult[] } => ({ results: wire.results.map(getResultFromWire) }),
);

export const writeRequestCodec = messageCodec(
  v1.WriteRequest,
  (message: WriteRequest) => ({ map: message.map, updates: message.updates.map(updateToWire) }),
  (wire): WriteRequest => ({ map: wire.map, updates: wire.updates.map(updateFromWire) }),
);

export const writeResponseCodec = messageCodec(
  v1.WriteResponse,
  (message: { readonly results: readonly UpdateResult[] }) => ({ results: message.results.map(updateResultToWire) }),
  (wire): { readonly results: readonly UpdateResult[] } => ({ results: wire.results.map(updateResultFromWire) }),
);

export const scanRequestCodec = messageCodec(v1.ScanRequest, scanRequestToWire, scanRequestFromWire);

/** A page with a message for each entry, as stock clients read it. */
export const scanResponseCodec = messageCodec(
  v1.ScanResponse,
  (page: ScanPage) => ({ entries: Array.from({ length: page.count }, (_, i) => entryToWire(page, i)), cursor: page.cursor ?? emptyBytes }),
  (wire): ScanPage => {
    const page = new ScanPageBuilder();
    for (const { key, value, version } of wire.entries) page.add(key ?? emptyBytes, value ?? emptyBytes, fromOptionalLong(version));
    return page.build(presentBytes(wire.cursor));
  },
);

export function scanRequestToWire(message: ScanRequest): v1.ScanRequest.$Properties {
  return { ...message, limit: toLong(message.limit), cursor: message.cursor ?? emptyBytes };
}

export function scanRequestFromWire(wire: v1.ScanRequest.$Properties): ScanRequest {
  return {
    map: wire.map ?? "",
    prefix: wire.prefix ?? emptyBytes,
    limit: fromOptionalLong(wire.limit),
    cursor: presentBytes(wire.cursor ?? emptyBytes),
    keysOnly: wire.keysOnly ?? false,
    singlePage: wire.singlePage ?? false,
    noForward: wire.noForward ?? false,
  };
}

function presentBytes(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length === 0 ? undefined : bytes;
}

function conditionToWire(condition: UpdateCondition): v1.Condition.$Properties | null {
  if (condition === undefined) return null;
  return "ifAbsent" in condition ? { ifAbsent: true } : { ifVersion: toLong(condition.ifVersion) };
}

/** `if_absent = false` is no condition: the flag says no. */
function conditionFromWire(wire: v1.Condition.$Properties | null | undefined): UpdateCondition {
  if (wire?.ifVersion !== null && wire?.ifVersion !== undefined) return { ifVersion: fromLong(wire.ifVersion) };
  return wire?.ifAbsent === true ? { ifAbsent: true } : undefined;
}

function updateToWire(update: EntryUpdate): v1.Update.$Properties {
  const condition = conditionToWire(update.condition);
  return update.put === undefined ? { key: update.key, delete: true, condition } : { key: update.key, put: update.put, condition };
}

function updateFromWire(wire: v1.Update.$Properties, index: number): EntryUpdate {
  const isPut = wire.put !== null && wire.put !== undefined;
  const isDelete = wire.delete !== null && wire.delete !== undefined;
  if (isPut === isDelete) throw frameInvalid(`Update ${index} is neither a put nor a delete`);
  return { key: wire.key ?? emptyBytes, put: wire.put ?? undefined, condition: conditionFromWire(wire.condition) };
}

function getResultToWire(result: GetResult): v1.GetResult.$Properties {
  const error = result.error === undefined ? null : errorToWire(result.error);
  return { found: result.found, value: result.value, version: toLong(result.version), error };
}

function getResultFromWire(wire: v1.GetResult.$Properties): GetResult {
  return {
    found: wire.found ?? false,
    value: wire.value ?? emptyBytes,
    version: fromOptionalLong(wire.version),
    error: wire.error === null || wire.error === undefined ? undefined : errorFromWire(wire.error),
  };
}

function updateResultToWire(result: UpdateResult): v1.UpdateResult.$Properties {
  const error = result.error === undefined ? null : errorToWire(result.error);
  return { version: toLong(result.version), existed: result.existed, error };
}

function updateResultFromWire(wire: v1.UpdateResult.$Properties): UpdateResult {
  return {
    version: fromOptionalLong(wire.version),
    existed: wire.existed ?? false,
    error: wire.error === null || wire.error === undefined ? undefined : errorFromWire(wire.error),
  };
}

function entryToWire(page: ScanPage, entry: number): v1.Entry.$Properties {
  return { key: keyAt(page, entry), value: valueAt(page, entry), version: toLong(page.versions[entry] as number) };
}
