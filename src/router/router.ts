import type { Clock } from "../base/clock.js";
import type { FaultPoints } from "../base/fault-points.js";
import type { CanisterId } from "../base/ids.js";
import type { Logger } from "../base/logger.js";
import type { MapDescription, MapPage, MapSettings } from "../base/map-backend.js";
import type { Random } from "../base/random.js";
import type { CanisterHost } from "../canister/canister-host.js";
import type { MapRegistry } from "../meta/map-registry.js";
import type { MetaStore } from "../meta/meta-store.js";
import { RecordView } from "../meta/record-view.js";
import type { CanisterSplit, CanisterStatus, MapRing, RouterBackend, Topology } from "../ring/topology.js";
import { compareTokens, type Token } from "../ring/token.js";
import { CanisterSplitter } from "./canister-splitter.js";
import { IdAllocator } from "./id-allocator.js";
import { MapCatalog, mapRecordOf } from "./map-catalog.js";
import { clearMap } from "./map-clearer.js";
import { OperatorRunner } from "./operator-runner.js";
import { ReplicaHosts } from "./replica-hosts.js";
import { mapRingOf, watchMapRing } from "./ring-watch.js";
import { defaultPlannerSettings, type PlannerSettings } from "./split-planner.js";

export interface RouterOptions {
  readonly meta: MetaStore;
  /** The replicas that hold canisters, this process's own among them. */
  readonly hosts: readonly CanisterHost[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For maps that are created without settings. */
  readonly defaults: MapSettings;
  readonly planner?: Partial<PlannerSettings>;
  readonly faults?: FaultPoints;
}

/**
 * The router canister: authority over the maps and their rings. It decides; the canisters' hosts carry out. Nothing here
 * is on the path of a read or a write, and all its state is in the meta store: another may take over at any moment.
 */
export class RouterCanister implements RouterBackend, MapRegistry {
  readonly #clock: Clock;
  readonly #view: RecordView;
  readonly #hosts: ReplicaHosts;
  readonly #catalog: MapCatalog;
  readonly #splitter: CanisterSplitter;
  readonly #runner: OperatorRunner;

  private constructor(options: RouterOptions, view: RecordView) {
    const { meta, clock, random, logger, defaults, faults } = options;
    const allocator = new IdAllocator(meta);
    this.#clock = clock;
    this.#view = view;
    const hosts = (this.#hosts = new ReplicaHosts(options.hosts));
    this.#catalog = new MapCatalog({ meta, view, allocator, hosts, logger, defaults, faults });
    const splitter = (this.#splitter = new CanisterSplitter(view, allocator, hosts));
    const planner = { ...defaultPlannerSettings, ...options.planner };
    this.#runner = new OperatorRunner({ splitter, hosts, clock, random, logger, planner });
  }

  /** Reads the records and begins to split what needs it. Errors: those of the meta store; STORAGE_CORRUPT, DATA_DIR_NEWER. */
  static async start(options: RouterOptions): Promise<RouterCanister> {
    const router = new RouterCanister(options, await RecordView.open(options.meta, options.clock));
    router.#runner.start();
    return router;
  }

  /** Waits for splits under way; later calls fail with SHUTTING_DOWN. The meta store and the hosts stay open. */
  async stop(): Promise<void> {
    await this.#runner.stop();
    await this.#splitter.settled();
    this.#view.close();
  }

  createMap(map: string, settings: Partial<MapSettings>): Promise<MapDescription> {
    return this.#catalog.createMap(map, settings);
  }

  ensureMap(map: string): Promise<MapDescription> {
    return this.#catalog.ensureMap(map);
  }

  describeMap(map: string): Promise<MapDescription> {
    return this.#catalog.describeMap(map);
  }

  listMaps(page: { readonly pageSize: number; readonly pageToken: string | undefined }): Promise<MapPage> {
    return this.#catalog.listMaps(page);
  }

  dropMap(map: string): Promise<void> {
    return this.#catalog.dropMap(map);
  }

  /** Deletes every entry that was there when the call began; resolves to how many there were. Errors: MAP_NOT_FOUND, CANISTER_BUSY. */
  clearMap(map: string): Promise<number> {
    return clearMap(map, this.#view, this.#hosts, this.#clock);
  }

  async getRing(map: string): Promise<MapRing> {
    return mapRingOf(await this.#view.refresh(), map);
  }

  watchRing(map: string, signal: AbortSignal): AsyncIterable<MapRing> {
    return watchMapRing(this.#view, map, signal);
  }

  splitCanister(canisterId: CanisterId, cut: Token | undefined): Promise<CanisterSplit> {
    return this.#splitter.split(canisterId, cut);
  }

  async getTopology(map: string | undefined): Promise<Topology> {
    const table = await this.#view.refresh();
    const maps = (map === undefined ? table.mapNames() : [map]).map((name) => mapRecordOf(table, name));
    const mapIds = new Set(maps.map(({ mapId }) => mapId));
    const canisters = this.#hosts.canisterStatuses().filter(({ mapId }) => mapIds.has(mapId));
    return { replicas: table.replicas(), maps, canisters: canisters.sort(inRingOrder) };
  }
}

function inRingOrder(left: CanisterStatus, right: CanisterStatus): number {
  return left.mapId - right.mapId || compareTokens(left.range.start, right.range.start);
}
