/**
 * What stands behind the map API, whoever carries it out: a replica in this process (`server/embedded`), or a connection
 * to one (`client`). The gRPC MapService serves one of these.
 */
import type { OperationTarget } from "./operation-batch.js";
import type { ScanPage } from "./scan-page.js";

export type TokenFunctionName = "murmur3";

export interface MapSettings {
  /** No data canister of the map ever holds more. */
  readonly canisterCapBytes: number;
  /** How many canisters the map starts with. */
  readonly initialCanisters: number;
  readonly tokenFunction: TokenFunctionName;
}

export interface MapDescription {
  readonly map: string;
  readonly mapId: number;
  readonly settings: MapSettings;
}

export interface MapPage {
  readonly maps: readonly MapDescription[];
  /** Undefined after the last page. */
  readonly nextPageToken: string | undefined;
}

export interface MapStatistics {
  readonly entries: number;
  /** Key + value + a fixed overhead, summed over the entries. */
  readonly bytes: number;
  readonly canisters: number;
  readonly ringVersion: number;
  readonly settings: MapSettings;
}

export interface ScanPageRequest {
  readonly map: string;
  readonly prefix: Uint8Array;
  /** At most this many entries in this page. */
  readonly maxEntries: number;
  /** Undefined: from the beginning. */
  readonly cursor: Uint8Array | undefined;
  readonly keysOnly: boolean;
  /** True: a page that another replica has is NOT_OWNER, with its address. Else that replica is asked. */
  readonly noForward?: boolean;
}

/** Every method may reject with BigMapError. */
export interface MapBackend extends OperationTarget {
  /** Errors: MAP_EXISTS, MAP_NAME_INVALID, INVALID_ARGUMENT. */
  createMap(map: string, settings: Partial<MapSettings>): Promise<MapDescription>;
  /** In the order of names. Errors: INVALID_ARGUMENT. */
  listMaps(page: { readonly pageSize: number; readonly pageToken: string | undefined }): Promise<MapPage>;
  /** Versions of a later map of the name begin anew. Errors: MAP_NOT_FOUND. */
  dropMap(map: string): Promise<void>;
  /** Deletes what is there, atomic per canister; resolves to the number of entries deleted. Errors: MAP_NOT_FOUND. */
  clear(map: string): Promise<number>;
  /** Errors: MAP_NOT_FOUND. */
  stats(map: string): Promise<MapStatistics>;
  /**
   * Entries in ring order; the page, with its memory, is the caller's. `timeoutMs`: how long the page may wait for others before it, and
   * for a connection; by default that of the connection. Errors: MAP_NOT_FOUND, CURSOR_INVALID, NOT_OWNER, OVERLOADED,
   * DEADLINE_EXCEEDED; the signal's reason.
   */
  scanPage(request: ScanPageRequest, signal?: AbortSignal, timeoutMs?: number): Promise<ScanPage>;
}
