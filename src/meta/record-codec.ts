import { BigMapError } from "../base/errors.js";
import { isMapName } from "../base/limits.js";
import type { MapSettings } from "../base/map-backend.js";
import { compareTokens } from "../ring/token.js";
import { corrupt, encodeToken, RecordFields } from "./record-fields.js";
import type { AllocatorRecord, CanisterRecord, MapRecord, ReplicaRecord } from "./records.js";

/**
 * Records as UTF-8 JSON, so that people can read them with the store's own tools. Every decode fails with STORAGE_CORRUPT
 * where the bytes are not such a record, and with DATA_DIR_NEWER where a later layout wrote them. Encoding is
 * deterministic: the same record gives the same bytes.
 */
export const recordLayout = 1;

export function encodeMapRecord(record: MapRecord): Uint8Array {
  const { canisterCapBytes, initialCanisters, tokenFunction } = record.settings;
  return encode({ mapId: record.mapId, map: record.map, settings: { canisterCapBytes, initialCanisters, tokenFunction } });
}

export function decodeMapRecord(bytes: Uint8Array): MapRecord {
  const fields = decode("map record", bytes);
  const map = fields.text("map");
  fields.require(isMapName(map), "map");
  return { mapId: fields.count("mapId", 1), map, settings: decodeSettings(fields.object("settings")) };
}

export function encodeCanisterRecord(record: CanisterRecord): Uint8Array {
  const { canisterId, mapId, map, range, epoch, replicaId, origin, stopped } = record;
  const start = encodeToken(range.start);
  const end = encodeToken(range.end);
  const from = origin === undefined ? {} : { origin: { parentId: origin.parentId, sequence: origin.sequence } };
  return encode({ canisterId, mapId, map, start, end, epoch, replicaId, ...from, stopped });
}

export function decodeCanisterRecord(bytes: Uint8Array): CanisterRecord {
  const fields = decode("canister record", bytes);
  const range = { start: fields.token("start"), end: fields.token("end") };
  fields.require(compareTokens(range.start, range.end) < 0, "end");
  return {
    canisterId: fields.count("canisterId", 1),
    mapId: fields.count("mapId", 1),
    map: fields.text("map"),
    range,
    epoch: fields.count("epoch", 1),
    replicaId: fields.text("replicaId"),
    origin: fields.has("origin") ? decodeOrigin(fields.object("origin")) : undefined,
    stopped: fields.flag("stopped"),
  };
}

export function encodeReplicaRecord(record: ReplicaRecord): Uint8Array {
  return encode({ replicaId: record.replicaId, address: record.address });
}

export function decodeReplicaRecord(bytes: Uint8Array): ReplicaRecord {
  const fields = decode("replica record", bytes);
  return { replicaId: fields.text("replicaId"), address: fields.text("address") };
}

export function encodeAllocatorRecord(record: AllocatorRecord): Uint8Array {
  return encode({ nextMapId: record.nextMapId, nextCanisterId: record.nextCanisterId });
}

export function decodeAllocatorRecord(bytes: Uint8Array): AllocatorRecord {
  const fields = decode("allocator record", bytes);
  return { nextMapId: fields.count("nextMapId", 1), nextCanisterId: fields.count("nextCanisterId", 1) };
}

function decodeSettings(fields: RecordFields): MapSettings {
  const tokenFunction = fields.text("tokenFunction");
  if (tokenFunction !== "murmur3") throw corrupt("map record", `it names the unknown token function "${tokenFunction}"`);
  return { canisterCapBytes: fields.count("canisterCapBytes", 1), initialCanisters: fields.count("initialCanisters", 1), tokenFunction };
}

function decodeOrigin(fields: RecordFields): { readonly parentId: number; readonly sequence: number } {
  return { parentId: fields.count("parentId", 1), sequence: fields.count("sequence", 0) };
}

function encode(fields: object): Uint8Array {
  return Buffer.from(JSON.stringify({ layout: recordLayout, ...fields }), "utf8");
}

function decode(what: string, bytes: Uint8Array): RecordFields {
  const fields = new RecordFields(what, parseJson(what, bytes));
  const layout = fields.count("layout", 1);
  if (layout > recordLayout) {
    throw new BigMapError("DATA_DIR_NEWER", `A stored ${what} has layout ${layout}, this version knows ${recordLayout}`);
  }
  return fields;
}

function parseJson(what: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new BigMapError("STORAGE_CORRUPT", `A stored ${what} is not UTF-8 JSON`, { cause });
  }
}
