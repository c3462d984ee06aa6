import type { MapDescription, MapPage, MapSettings } from "../base/map-backend.js";

/** Which maps there are. The router canister implements it, replicas use it. Every method may reject with BigMapError. */
export interface MapRegistry {
  /**
   * A new map, in one atomic step; its canisters are open when it resolves. Settings that are not given take the
   * defaults. Errors: MAP_EXISTS, MAP_NAME_INVALID, INVALID_ARGUMENT (a setting).
   */
  createMap(map: string, settings: Partial<MapSettings>): Promise<MapDescription>;
  /** The map, made with default settings where there is none. Of calls at once all get the same one. Errors: MAP_NAME_INVALID. */
  ensureMap(map: string): Promise<MapDescription>;
  /** Errors: MAP_NOT_FOUND. */
  describeMap(map: string): Promise<MapDescription>;
  /**
   * In the order of names, after the place where the page before ended; at most `pageSize` of them, at most
   * `limits.listPageMaxMaps`, which is also what 0 means. Errors: INVALID_ARGUMENT.
   */
  listMaps(page: { readonly pageSize: number; readonly pageToken: string | undefined }): Promise<MapPage>;
  /**
   * Removes the map and all its canisters' records in one atomic step; their data is freed afterwards.
   * Errors: MAP_NOT_FOUND.
   */
  dropMap(map: string): Promise<void>;
}
