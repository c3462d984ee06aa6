import { BigMapError } from "../../src/base/errors.js";
import type { MapBackend, MapDescription, MapPage, MapSettings, MapStatistics, ScanPageRequest } from "../../src/base/map-backend.js";
import type { ScanPage } from "../../src/base/scan-page.js";
import { pageOf } from "../base/scan-entries.js";
import { FakeTarget } from "./fake-target.js";

export const fakeSettings: MapSettings = { canisterCapBytes: 65_536, initialCanisters: 2, tokenFunction: "murmur3" };

/** Maps without storage: enough to see what a service makes of each call. */
export class FakeBackend extends FakeTarget implements MapBackend {
  readonly scanRequests: ScanPageRequest[] = [];
  #scansHeld: Promise<void> | undefined;
  #onScan: (() => void) | undefined;

  async createMap(map: string, settings: Partial<MapSettings>): Promise<MapDescription> {
    if (map === "taken") throw new BigMapError("MAP_EXISTS", "There is a map of that name");
    return { map, mapId: 7, settings: { ...fakeSettings, ...settings } };
  }

  async listMaps(page: { readonly pageSize: number; readonly pageToken: string | undefined }): Promise<MapPage> {
    return { maps: [{ map: "users", mapId: page.pageSize, settings: fakeSettings }], nextPageToken: page.pageToken };
  }

  async dropMap(map: string): Promise<void> {
    if (map === "defect") throw new TypeError("not one of ours");
  }

  async clear(): Promise<number> {
    return 42;
  }

  async stats(): Promise<MapStatistics> {
    return { entries: 1, bytes: 2, canisters: 3, ringVersion: 4, settings: fakeSettings };
  }

  /** Three pages of two entries; the cursor is the page's number. */
  async scanPage(request: ScanPageRequest): Promise<ScanPage> {
    if (request.map === "none") throw new BigMapError("MAP_NOT_FOUND", "There is no such map");
    this.scanRequests.push(request);
    this.#onScan?.();
    await this.#scansHeld;
    const page = request.cursor?.[0] ?? 0;
    const names = [2 * page, 2 * page + 1].slice(0, request.maxEntries);
    const entries = names.map((name) => ({ key: Buffer.from(`k${name}`), value: Buffer.from(`v${name}`), version: name + 1 }));
    return pageOf(entries, page < 2 ? Uint8Array.of(page + 1) : undefined);
  }

  /** Scans wait until the function is called that this returns. */
  holdScans(): () => void {
    let go = (): void => undefined;
    this.#scansHeld = new Promise((resolve) => (go = resolve));
    return go;
  }

  /** Resolves when so many pages were asked for in all. */
  async scansArrived(count: number): Promise<void> {
    while (this.scanRequests.length < count) await new Promise<void>((resolve) => (this.#onScan = resolve));
  }
}
