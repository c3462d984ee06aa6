import type { MapDescription, MapPage, MapSettings, MapStatistics, ScanPageRequest } from "../base/map-backend.js";
import type { ScanPage } from "../base/scan-page.js";
import { BigMapError } from "../base/errors.js";
import type { CanisterId, SessionId } from "../base/ids.js";
import type { OperationBatch, ResultSink } from "../base/operation-batch.js";
import type { Connection } from "../client/connection.js";
import type { ReplicaLinks } from "./replica-links.js";
import type { Replica } from "../replica/replica.js";
import type { RouterCanister } from "../router/router.js";
import type { CanisterSplit, MapRing, Topology } from "../ring/topology.js";
import type { Token } from "../ring/token.js";

/** The map API's connection to a replica and a router canister in this process. Also what the gRPC services serve. */
export class LocalConnection implements Connection {
  constructor(
    private readonly replica: Replica,
    private readonly router: RouterCanister,
    private readonly links: ReplicaLinks,
  ) {}

  submit(batch: OperationBatch, sessionId: SessionId, sink: ResultSink): void {
    this.replica.submit(batch, sessionId, sink);
  }

  async createMap(map: string, settings: Partial<MapSettings>): Promise<MapDescription> {
    this.replica.assertTakesPuts();
    return this.router.createMap(map, settings);
  }

  listMaps(page: { readonly pageSize: number; readonly pageToken: string | undefined }): Promise<MapPage> {
    return this.router.listMaps(page);
  }

  dropMap(map: string): Promise<void> {
    return this.router.dropMap(map);
  }

  clear(map: string): Promise<number> {
    return this.router.clearMap(map);
  }

  async stats(map: string): Promise<MapStatistics> {
    const { maps, canisters } = await this.router.getTopology(map);
    const { ring } = await this.router.getRing(map);
    const settings = maps[0]?.settings;
    if (settings === undefined) throw new BigMapError("MAP_NOT_FOUND", `There is no map "${map}"`);
    const entries = canisters.reduce((sum, canister) => sum + canister.entries, 0);
    const bytes = canisters.reduce((sum, canister) => sum + canister.bytes, 0);
    return { entries, bytes, canisters: canisters.length, ringVersion: ring.version, settings };
  }

  async scanPage(request: ScanPageRequest, signal?: AbortSignal, timeoutMs?: number): Promise<ScanPage> {
    const page = await this.replica.scanPage(request, signal, timeoutMs);
    if (!("ownerAddress" in page)) return page;
    const { ownerAddress } = page;
    if (request.noForward !== true) return this.links.scanPage(request, ownerAddress, signal, timeoutMs);
    throw new BigMapError("NOT_OWNER", `Another replica has this page: ${ownerAddress}`, { ownerAddress });
  }

  getRing(map: string): Promise<MapRing> {
    return this.router.getRing(map);
  }

  watchRing(map: string, signal: AbortSignal): AsyncIterable<MapRing> {
    return this.router.watchRing(map, signal);
  }

  splitCanister(canisterId: CanisterId, cut: Token | undefined): Promise<CanisterSplit> {
    return this.router.splitCanister(canisterId, cut);
  }

  getTopology(map: string | undefined): Promise<Topology> {
    return this.router.getTopology(map);
  }

  /** The node that was opened is closed by its owner. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
