import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { ReplicaId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import type { ScanPageRequest } from "../base/map-backend.js";
import type { ScanPage } from "../base/scan-page.js";
import type { StorageEngine } from "../storage/storage-engine.js";
import type { MapRoutes } from "./map-routes.js";
import { scanPlaces, type Places } from "./places.js";
import { readScanPage, scanPlaceAfter, scanPlaceOf } from "./scanner.js";

export type PageOrOwner = ScanPage | { readonly ownerAddress: string };

export interface ScanPagesParts {
  readonly engine: StorageEngine;
  readonly clock: Clock;
  /** Errors: MAP_NOT_FOUND. */
  readonly routesOf: (map: string) => MapRoutes;
  readonly addressOf: (replicaId: ReplicaId) => string;
  /** Resolves when every update that was accepted is answered. */
  readonly settled: () => Promise<unknown>;
}

/** Reads pages of scans from the canisters of one replica. So many are read at once; the others wait in their order. */
export class ScanPages {
  readonly #parts: ScanPagesParts;
  readonly #places: Places;

  constructor(parts: ScanPagesParts) {
    this.#parts = parts;
    this.#places = scanPlaces(parts.clock, limits.scanPagesReadMost);
  }

  /** Errors: those of `Replica.scanPage`. */
  page(request: ScanPageRequest, signal?: AbortSignal, timeoutMs?: number): Promise<PageOrOwner> {
    return this.#places.during(() => this.#read(request), signal, timeoutMs);
  }

  async #read(request: ScanPageRequest): Promise<PageOrOwner> {
    const routes = this.#parts.routesOf(request.map);
    const from = scanPlaceOf(request, routes);
    const hosted = routes.canisters[from.place];
    if (hosted === undefined) return { ownerAddress: this.#parts.addressOf(routes.ring.entryAt(from.place).replicaId) };
    if (!hosted.takesQueries)
      throw new BigMapError("CANISTER_STOPPED", `Canister ${hosted.canister.canisterId} is ${hosted.canister.state}`);
    const page = await readScanPage(this.#parts.engine, routes.record.mapId, request, from, (place) => {
      const next = scanPlaceAfter(place, routes);
      return next !== undefined && routes.canisters[next.place]?.takesQueries === true ? next : undefined;
    });
    // The engine may show updates that are durable and not answered yet; a later get must not show less.
    await this.#parts.settled();
    return page;
  }
}
