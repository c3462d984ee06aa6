import { BigMapError } from "../base/errors.js";
import { isMapName, limits } from "../base/limits.js";
import type { MapSettings } from "../base/map-backend.js";

/** Errors: MAP_NAME_INVALID. */
export function assertMapName(map: string): void {
  if (!isMapName(map)) throw new BigMapError("MAP_NAME_INVALID", `${JSON.stringify(map.slice(0, 300))} is not a map's name`);
}

/** The given settings, with `defaults` for the rest. Errors: INVALID_ARGUMENT. */
export function completeSettings(given: Partial<MapSettings>, defaults: MapSettings): MapSettings {
  const settings: MapSettings = {
    canisterCapBytes: given.canisterCapBytes ?? defaults.canisterCapBytes,
    initialCanisters: given.initialCanisters ?? defaults.initialCanisters,
    tokenFunction: given.tokenFunction ?? defaults.tokenFunction,
  };
  assertWithin("canisterCapBytes", settings.canisterCapBytes, limits.canisterCapMinBytes, limits.canisterCapMaxBytes);
  assertWithin("initialCanisters", settings.initialCanisters, 1, limits.initialCanistersMax);
  // The type allows nothing else, but the value may come from the wire.
  if ((settings.tokenFunction as string) !== "murmur3") {
    throw new BigMapError("INVALID_ARGUMENT", `tokenFunction is ${JSON.stringify(settings.tokenFunction)} and can only be "murmur3"`);
  }
  return settings;
}

function assertWithin(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new BigMapError("INVALID_ARGUMENT", `${name} is ${value} and must be a whole number from ${least} to ${most}`);
}
