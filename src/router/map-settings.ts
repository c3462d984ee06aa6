import { BigMapError } from "../base/errors.js";
import { isMapName } from "../base/limits.js";
import type { MapSettings } from "../base/map-backend.js";
import { assertSettings } from "../base/map-settings.js";

/** Errors: MAP_NAME_INVALID. */
export function assertMapName(map: string): void {
  if (!isMapName(map)) throw mapNameInvalid(map);
}

export function mapNameInvalid(map: string): BigMapError {
  return new BigMapError("MAP_NAME_INVALID", `${JSON.stringify(map.slice(0, 300))} is not a map's name`);
}

/** The given settings, with `defaults` for the rest. Errors: INVALID_ARGUMENT. */
export function completeSettings(given: Partial<MapSettings>, defaults: MapSettings): MapSettings {
  const settings: MapSettings = {
    canisterCapBytes: given.canisterCapBytes ?? defaults.canisterCapBytes,
    initialCanisters: given.initialCanisters ?? defaults.initialCanisters,
    tokenFunction: given.tokenFunction ?? defaults.tokenFunction,
  };
  assertSettings(settings);
  return settings;
}
