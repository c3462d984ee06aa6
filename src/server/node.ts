import { systemClock, type Clock } from "../base/clock.js";
import { noFaults, type FaultPoints } from "../base/fault-points.js";
import { limits } from "../base/limits.js";
import type { Logger } from "../base/logger.js";
import { systemRandom } from "../base/random.js";
import { EmbeddedMetaStore } from "../meta/embedded-meta-store.js";
import { RecordView } from "../meta/record-view.js";
import { registerReplica } from "../meta/replica-registration.js";
import { Replica } from "../replica/replica.js";
import { RouterCanister } from "../router/router.js";
import { openDataFolder } from "../storage/data-folder.js";
import { folderDiskSpace } from "../storage/disk-space.js";
import type { StorageEngine } from "../storage/storage-engine.js";
import { assertConfig, divideMemory, type NodeConfig, type ReplicaShares } from "./config.js";
import { DiskGuard } from "./disk-guard.js";
import { LocalConnection } from "./local-connection.js";
import { ReplicaLinks } from "./replica-links.js";

/** The one replica of an embedded installation. */
export const embeddedReplicaId = "replica-1";

export interface NodeOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly faults?: FaultPoints;
  /** Main memory that there is. By default nobody looks. */
  readonly machineMemoryBytes?: number;
  /** Tests hand in another engine. */
  readonly engine?: StorageEngine;
}

/** A replica, the router canister and the meta store on one data folder, in this process; no network. */
export class Node {
  private constructor(
    readonly replica: Replica,
    readonly router: RouterCanister,
    readonly connection: LocalConnection,
    readonly meta: EmbeddedMetaStore,
    private readonly view: RecordView,
    private readonly engine: StorageEngine,
    private readonly disk: DiskGuard,
    readonly links: ReplicaLinks,
  ) {}

  /**
   * Opens the folder, recovers what is in it and begins to split what needs it. Errors: INVALID_ARGUMENT, DATA_DIR_UNUSABLE,
   * DATA_DIR_IN_USE, DATA_DIR_NEWER, STORAGE_CORRUPT, STORAGE_FAILED, DISK_FULL.
   */
  static async open(config: NodeConfig, options: NodeOptions): Promise<Node> {
    assertConfig(config, options.machineMemoryBytes ?? Infinity);
    const { engine: engineOptions, ...shares } = divideMemory(config.memoryBytes);
    const { durability, acceptDamagedLog = false } = config;
    const folderOptions = { ...engineOptions, durability, acceptDamagedLog, logger: options.logger };
    const engine = options.engine ?? (await openDataFolder(config.dataDir, folderOptions));
    try {
      return await Node.#openOn(engine, config, options, shares);
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  static async #openOn(engine: StorageEngine, config: NodeConfig, options: NodeOptions, shares: ReplicaShares): Promise<Node> {
    const { logger, clock = systemClock, faults = noFaults } = options;
    const meta = await EmbeddedMetaStore.open(engine);
    const view = await RecordView.open(meta, clock);
    const disk = new DiskGuard(options.engine === undefined ? folderDiskSpace(config.dataDir) : undefined, engine, clock, logger);
    await disk.measure();
    const links = new ReplicaLinks(logger);
    const replica: Replica = await Replica.open({
      replicaId: embeddedReplicaId,
      engine,
      durability: config.durability,
      meta,
      view,
      clock,
      logger,
      faults,
      metaFollowsUpdates: true,
      ...shares,
      forwarder: links,
      ensureMap: (map) => router.ensureMap(map),
      diskIsFull: () => disk.refuses(replica.acceptedBytes, replica.answeredBytes),
    });
    const defaults = {
      canisterCapBytes: config.canisterCapBytes,
      initialCanisters: limits.initialCanistersDefault,
      tokenFunction: "murmur3",
    } as const;
    const router = await RouterCanister.start({ meta, hosts: [replica], clock, random: systemRandom, logger, defaults, faults });
    disk.start();
    return new Node(replica, router, new LocalConnection(replica, router, links), meta, view, engine, disk, links);
  }

  /** Notes where the replica is reached, so that rings can name it. */
  register(address: string): Promise<void> {
    return registerReplica(this.meta, { replicaId: embeddedReplicaId, address });
  }

  /** Answers what was accepted, writes a last checkpoint, closes the folder. */
  async close(): Promise<void> {
    this.disk.stop();
    await this.router.stop();
    await this.links.close();
    await this.replica.stop();
    this.view.close();
    await this.meta.close();
    await this.engine.close();
  }
}
