import { noFaults } from "../base/fault-points.js";
import { systemClock } from "../base/clock.js";
import { limits } from "../base/limits.js";
import { silentLogger } from "../base/logger.js";
import { systemRandom } from "../base/random.js";
import { MemoryMetaStore } from "../meta/memory-meta-store.js";
import { RecordView } from "../meta/record-view.js";
import { registerReplica } from "../meta/replica-registration.js";
import { mapService } from "../replica/map-service.js";
import { Replica } from "../replica/replica.js";
import { replicaService } from "../replica/replica-service.js";
import { routerService } from "../router/router-service.js";
import { RouterCanister } from "../router/router.js";
import { GrpcServer } from "../rpc/grpc-server.js";
import { SessionCounter } from "../rpc/session-counter.js";
import { LocalConnection } from "../server/local-connection.js";
import { ReplicaLinks } from "../server/replica-links.js";
import { MemoryEngine } from "../storage/memory-engine.js";

const cacheBytes = 4 * 2 ** 20;
const absenceFilterBytes = 2 ** 16;
const drainTimeoutMs = 5_000;

/** Several replicas in one process, with one meta store and one router, each on a gRPC port of its own. For tests of forwarding. */
export class Cluster {
  private constructor(
    /** HOST:PORT of each replica. */
    readonly addresses: readonly string[],
    private readonly stopAll: () => Promise<void>,
  ) {}

  static async start(replicaCount: number, canisterCapBytes = limits.canisterCapDefaultBytes): Promise<Cluster> {
    const meta = new MemoryMetaStore();
    const links = new ReplicaLinks(silentLogger);
    const views: RecordView[] = [];
    const replicas: Replica[] = [];
    const ensureMap = (map: string): Promise<unknown> => router.ensureMap(map);
    for (let i = 1; i <= replicaCount; i++) {
      const view = await RecordView.open(meta, systemClock);
      views.push(view);
      replicas.push(
        await Replica.open({
          replicaId: `replica-${i}`,
          engine: new MemoryEngine(),
          durability: "fsync",
          meta,
          view,
          clock: systemClock,
          logger: silentLogger,
          faults: noFaults,
          metaFollowsUpdates: false,
          cacheBytes,
          absenceFilterBytes,
          forwarder: links,
          ensureMap,
          diskIsFull: () => "no",
        }),
      );
    }
    const defaults = { canisterCapBytes, initialCanisters: limits.initialCanistersDefault, tokenFunction: "murmur3" } as const;
    const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
    const router = await RouterCanister.start({ ...ports, meta, hosts: replicas, defaults });
    const servers = await Promise.all(replicas.map((replica) => serve(replica, router, links)));
    for (const [i, { address }] of servers.entries()) await registerReplica(meta, { replicaId: `replica-${i + 1}`, address });
    return new Cluster(
      servers.map(({ address }) => address),
      async () => {
        await Promise.all([links.close(), ...servers.map((server) => server.stop(drainTimeoutMs))]);
        await router.stop();
        await Promise.all(replicas.map((replica) => replica.stop()));
        for (const view of views) view.close();
        await meta.close();
      },
    );
  }

  stop(): Promise<void> {
    return this.stopAll();
  }
}

function serve(replica: Replica, router: RouterCanister, links: ReplicaLinks): Promise<GrpcServer> {
  const ports = { clock: systemClock, sessions: new SessionCounter(), logger: silentLogger };
  const connection = new LocalConnection(replica, router, links);
  const services = [mapService(connection, ports), routerService(router, ports), replicaService(replica, ports)];
  return GrpcServer.listen({ listenAddress: "127.0.0.1:0", services, clock: systemClock, logger: silentLogger });
}
