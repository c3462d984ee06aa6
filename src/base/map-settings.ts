import { BigMapError } from "./errors.js";
import { limits } from "./limits.js";
import type { MapSettings } from "./map-backend.js";
import { assertSize } from "./size-range.js";

/**
 * Checks the settings that are given. The client asks too, before it sends: on the wire a number has no sign and no
 * fraction, and 0 means the server's default, so what is wrong here could arrive as something that is right. Errors:
 * INVALID_ARGUMENT, naming the setting.
 */
export function assertSettings({ canisterCapBytes, initialCanisters, tokenFunction, ...unknown }: Partial<MapSettings>): void {
  const [stray] = Object.keys(unknown);
  if (stray !== undefined) throw new BigMapError("INVALID_ARGUMENT", `There is no setting "${stray}"`);
  if (canisterCapBytes !== undefined) {
    assertSize("canisterCapBytes", canisterCapBytes, limits.canisterCapMinBytes, limits.canisterCapMaxBytes);
  }
  if (initialCanisters !== undefined) assertWithin("initialCanisters", initialCanisters, 1, limits.initialCanistersMax);
  // The type allows nothing else, but the value may come from the wire or from a caller without types.
  if (tokenFunction !== undefined && (tokenFunction as string) !== "murmur3") {
    throw new BigMapError("INVALID_ARGUMENT", `tokenFunction is ${JSON.stringify(tokenFunction)} and can only be "murmur3"`);
  }
}

function assertWithin(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new BigMapError("INVALID_ARGUMENT", `${name} is ${value} and must be a whole number from ${least} to ${most}`);
}
