import type { Clock } from "../base/clock.js";
import type { MapId, ReplicaId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import type { ScanPageRequest } from "../base/map-backend.js";
import type { ScanPage } from "../base/scan-page.js";
import type { StorageEngine } from "../storage/storage-engine.js";
import type { HostedCanister } from "./hosted-canister.js";
import type { MapRoutes } from "./map-routes.js";
import { scanPlaces, type Places } from "./places.js";
import { stopped } from "./refusals.js";
import { readScanPage, scanPlaceAfter, scanPlaceOf } from "./scanner.js";

export type PageOrOwner = ScanPage | { readonly ownerAddress: string };

export interface ScanPagesParts {
  readonly engine: StorageEngine;
  readonly clock: Clock;
  /** Errors: MAP_NOT_FOUND. */
  readonly routesOf: (map: string) => MapRoutes;
  /** Whether the canister is still one of this replica. */
  readonly isHosted: (hosted: HostedCanister) => boolean;
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
    for (;;) {
      const routes = this.#parts.routesOf(request.map);
      const from = scanPlaceOf(request, routes);
      const hosted = routes.canisters[from.place];
      if (hosted === undefined) return { ownerAddress: this.#parts.addressOf(routes.ring.entryAt(from.place).replicaId) };
      if (!this.#serves(hosted)) throw stopped(hosted);
      const seen = [hosted];
      const page = await readScanPage(this.#parts.engine, routes.record.mapId, request, from, (place) => {
        const next = scanPlaceAfter(place, routes);
        const following = next === undefined ? undefined : routes.canisters[next.place];
        // The same again, where a split is not carried out yet: the page ends, as it must not show a canister at two moments.
        if (following === undefined || following === seen.at(-1) || !this.#serves(following)) return undefined;
        seen.push(following);
        return next;
      });
      // The engine may show updates that are durable and not answered yet; a later get must not show less.
      await this.#parts.settled();
      if (this.#isServed(request.map, routes.record.mapId, seen)) return page;
      // Rows may have been deleted under the page: begun anew it meets what has become of them.
    }
  }

  /**
   * Whether the map and the canisters are still there: only what has left the routes, or is stopped, has its rows deleted. After a split
   * the parent is there, and the rows are where they were. Errors: MAP_NOT_FOUND.
   */
  #isServed(map: string, mapId: MapId, seen: readonly HostedCanister[]): boolean {
    return this.#parts.routesOf(map).record.mapId === mapId && seen.every((hosted) => this.#serves(hosted));
  }

  #serves(hosted: HostedCanister): boolean {
    return hosted.takesQueries && this.#parts.isHosted(hosted);
  }
}
