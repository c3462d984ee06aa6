import type { MapDescription, MapPage, MapSettings, MapStatistics, TokenFunctionName } from "../base/map-backend.js";
import { frameInvalid } from "./frame-reader.js";
import { bigmap } from "./gen/bigmap.js";
import { fromLong, fromOptionalLong, messageCodec, toLong } from "./message-codec.js";
import v1 = bigmap.v1;

/** Messages about maps as a whole. */
export interface CreateMapRequest {
  readonly map: string;
  readonly settings: Partial<MapSettings>;
}

export interface ListMapsRequest {
  /** 0: the server's default. */
  readonly pageSize: number;
  readonly pageToken: string | undefined;
}

/** Of the calls that take a map's name and nothing else. */
export interface MapNameRequest {
  readonly map: string;
}

export const createMapRequestCodec = messageCodec(
  v1.CreateMapRequest,
  (message: CreateMapRequest) => ({ map: message.map, settings: settingsToWire(message.settings) }),
  (wire): CreateMapRequest => ({ map: wire.map, settings: settingsFromWire(wire.settings) }),
);

export const createMapResponseCodec = messageCodec(
  v1.CreateMapResponse,
  (message: MapDescription) => ({ map: descriptionToWire(message) }),
  (wire) => descriptionFromWire(wire.map),
);

export const listMapsRequestCodec = messageCodec(
  v1.ListMapsRequest,
  (message: ListMapsRequest) => ({ pageSize: message.pageSize, pageToken: message.pageToken ?? "" }),
  (wire): ListMapsRequest => ({ pageSize: wire.pageSize, pageToken: presentText(wire.pageToken) }),
);

export const listMapsResponseCodec = messageCodec(
  v1.ListMapsResponse,
  (message: MapPage) => ({ maps: message.maps.map(descriptionToWire), nextPageToken: message.nextPageToken ?? "" }),
  (wire): MapPage => ({ maps: wire.maps.map(descriptionFromWire), nextPageToken: presentText(wire.nextPageToken) }),
);

export const dropMapRequestCodec = mapNameCodec(v1.DropMapRequest);
export const clearRequestCodec = mapNameCodec(v1.ClearRequest);
export const statsRequestCodec = mapNameCodec(v1.StatsRequest);

export const dropMapResponseCodec = messageCodec(
  v1.DropMapResponse,
  (message: Record<string, never>) => message,
  (): Record<string, never> => ({}),
);

export const clearResponseCodec = messageCodec(
  v1.ClearResponse,
  (message: { readonly deletedEntries: number }) => ({ deletedEntries: toLong(message.deletedEntries) }),
  (wire) => ({ deletedEntries: fromLong(wire.deletedEntries) }),
);

export const statsResponseCodec = messageCodec(
  v1.StatsResponse,
  (message: MapStatistics) => ({
    entries: toLong(message.entries),
    bytes: toLong(message.bytes),
    canisters: message.canisters,
    ringVersion: toLong(message.ringVersion),
    settings: settingsToWire(message.settings),
  }),
  (wire): MapStatistics => ({
    entries: fromLong(wire.entries),
    bytes: fromLong(wire.bytes),
    canisters: wire.canisters,
    ringVersion: fromLong(wire.ringVersion),
    settings: completeSettings(wire.settings),
  }),
);

export function descriptionToWire(map: MapDescription): v1.MapDescription.$Properties {
  return { map: map.map, mapId: map.mapId, settings: settingsToWire(map.settings) };
}

export function descriptionFromWire(wire: v1.MapDescription.$Properties | null | undefined): MapDescription {
  return { map: wire?.map ?? "", mapId: wire?.mapId ?? 0, settings: completeSettings(wire?.settings) };
}

export function tokenFunctionToWire(name: TokenFunctionName): v1.TokenFunction {
  return { murmur3: v1.TokenFunction.TOKEN_FUNCTION_MURMUR3 }[name];
}

/** Errors: FRAME_INVALID for a function that this version cannot compute: a guess would send keys to wrong canisters. */
export function tokenFunctionFromWire(wire: v1.TokenFunction | null | undefined): TokenFunctionName | undefined {
  switch (wire ?? v1.TokenFunction.TOKEN_FUNCTION_UNSPECIFIED) {
    case v1.TokenFunction.TOKEN_FUNCTION_UNSPECIFIED:
      return undefined;
    case v1.TokenFunction.TOKEN_FUNCTION_MURMUR3:
      return "murmur3";
    default:
      throw frameInvalid(`Token function ${String(wire)} is unknown to this version`);
  }
}

function mapNameCodec(type: Parameters<typeof messageCodec<MapNameRequest, MapNameRequest, MapNameRequest>>[0]) {
  return messageCodec(
    type,
    (message: MapNameRequest) => ({ map: message.map }),
    (wire): MapNameRequest => ({ map: wire.map }),
  );
}

/** Zero values mean the server's defaults. */
function settingsToWire(settings: Partial<MapSettings>): v1.MapSettings.$Properties {
  return {
    canisterCapBytes: toLong(settings.canisterCapBytes ?? 0),
    initialCanisters: settings.initialCanisters ?? 0,
    tokenFunction: settings.tokenFunction === undefined ? null : tokenFunctionToWire(settings.tokenFunction),
  };
}

function settingsFromWire(wire: v1.MapSettings.$Properties | null | undefined): Partial<MapSettings> {
  const canisterCapBytes = fromOptionalLong(wire?.canisterCapBytes);
  const initialCanisters = wire?.initialCanisters ?? 0;
  const tokenFunction = tokenFunctionFromWire(wire?.tokenFunction);
  return {
    ...(canisterCapBytes === 0 ? {} : { canisterCapBytes }),
    ...(initialCanisters === 0 ? {} : { initialCanisters }),
    ...(tokenFunction === undefined ? {} : { tokenFunction }),
  };
}

/** Settings of a map that exists. Errors: FRAME_INVALID where one is left out. */
function completeSettings(wire: v1.MapSettings.$Properties | null | undefined): MapSettings {
  const { canisterCapBytes, initialCanisters, tokenFunction } = settingsFromWire(wire);
  if (canisterCapBytes === undefined || initialCanisters === undefined || tokenFunction === undefined) {
    throw frameInvalid("A map's settings are not complete");
  }
  return { canisterCapBytes, initialCanisters, tokenFunction };
}

function presentText(text: string): string | undefined {
  return text === "" ? undefined : text;
}
