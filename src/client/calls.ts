import { BigMapError } from "../base/errors.js";
import type { CanisterId } from "../base/ids.js";
import type { MapBackend, MapDescription, MapPage, MapSettings, MapStatistics, ScanPageRequest } from "../base/map-backend.js";
import type { ScanPage } from "../base/scan-page.js";
import type { Token } from "../ring/token.js";
import type { CanisterSplit, MapRing, RouterBackend, Topology } from "../ring/topology.js";
import type { Connection } from "./connection.js";

/**
 * A client's calls that are not operations. After `close` none begins; those under way go on until they are answered, or until their
 * timeout. Watches end with it.
 */
export class Calls implements Omit<MapBackend, "submit">, RouterBackend {
  readonly #connection: Connection;
  /** End the watches that are being read. */
  readonly #watches = new Set<() => void>();
  #running = 0;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  createMap(map: string, settings: Partial<MapSettings>): Promise<MapDescription> {
    return this.#run(() => this.#connection.createMap(map, settings));
  }

  listMaps(page: { readonly pageSize: number; readonly pageToken: string | undefined }): Promise<MapPage> {
    return this.#run(() => this.#connection.listMaps(page));
  }

  dropMap(map: string): Promise<void> {
    return this.#run(() => this.#connection.dropMap(map));
  }

  clear(map: string): Promise<number> {
    return this.#run(() => this.#connection.clear(map));
  }

  stats(map: string): Promise<MapStatistics> {
    return this.#run(() => this.#connection.stats(map));
  }

  scanPage(request: ScanPageRequest, signal?: AbortSignal, timeoutMs?: number): Promise<ScanPage> {
    return this.#run(() => this.#connection.scanPage(request, signal, timeoutMs));
  }

  getRing(map: string): Promise<MapRing> {
    return this.#run(() => this.#connection.getRing(map));
  }

  /** Ends quietly when the signal is aborted or the client is closed. */
  watchRing(map: string, signal?: AbortSignal): AsyncIterable<MapRing> {
    return { [Symbol.asyncIterator]: () => this.#watch(map, signal) };
  }

  splitCanister(canisterId: CanisterId, cut: Token | undefined): Promise<CanisterSplit> {
    return this.#run(() => this.#connection.splitCanister(canisterId, cut));
  }

  getTopology(map: string | undefined): Promise<Topology> {
    return this.#run(() => this.#connection.getTopology(map));
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const end of this.#watches) end();
    if (this.#running > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  async #run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new BigMapError("CLOSED", "This client was closed");
    this.#running++;
    try {
      return await call();
    } finally {
      if (--this.#running === 0) for (const resolve of this.#whenIdle) resolve();
    }
  }

  async *#watch(map: string, signal: AbortSignal | undefined): AsyncGenerator<MapRing, void, undefined> {
    if (this.#closed || signal?.aborted === true) return;
    const stop = new AbortController();
    const end = (): void => stop.abort(signal?.reason);
    this.#watches.add(end);
    signal?.addEventListener("abort", end, { once: true });
    try {
      yield* this.#connection.watchRing(map, stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      signal?.removeEventListener("abort", end);
      this.#watches.delete(end);
    }
  }
}
