import { systemClock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import { mapService } from "../replica/map-service.js";
import { replicaService } from "../replica/replica-service.js";
import { routerService } from "../router/router-service.js";
import { GrpcServer } from "../rpc/grpc-server.js";
import { connectionsMost, openFileCount, openFilesAreFew, openFilesLimit } from "../rpc/open-files.js";
import type { ServicePorts } from "../rpc/service.js";
import { SessionCounter } from "../rpc/session-counter.js";
import { assertConfig, type ServerConfig } from "./config.js";
import { crashAt, crashAtVariable } from "./crash-at.js";
import { assertPortIsFree } from "./free-port.js";
import { createLogger } from "./logging.js";
import { machineMemoryBytes } from "./machine-memory.js";
import { Node } from "./node.js";

export interface RunningServer {
  /** HOST:PORT, with the port that was chosen. */
  readonly address: string;
  /** Answers what was accepted, closes, and resolves; calling it again waits for the same end. */
  stop(): Promise<void>;
}

/** How long calls that were accepted may take when the server stops. */
const drainTimeoutMs = 15_000;

/**
 * Opens the data folder and serves it: maps, router and replica services, health and reflection on one port. Errors: those
 * of the data folder (DATA_DIR_…, STORAGE_…, DISK_FULL), LISTEN_FAILED, INVALID_ARGUMENT.
 *
 * The environment variable BIGMAP_CRASH_AT names a fault point at which the process kills itself: for tests of recovery.
 */
export async function startServer(config: ServerConfig): Promise<RunningServer> {
  const logger = createLogger(config.logLevel);
  const memoryBytes = machineMemoryBytes();
  assertConfig(config, memoryBytes);
  await assertPortIsFree(config.listen);
  const node = await Node.open(config, { logger, faults: crashAt(process.env[crashAtVariable]), machineMemoryBytes: memoryBytes });
  try {
    warnOfFewFiles(logger);
    const ports: ServicePorts = { clock: systemClock, sessions: new SessionCounter(), logger };
    const services = [mapService(node.connection, ports), routerService(node.router, ports), replicaService(node.replica, ports)];
    const grpc = await GrpcServer.listen({ listenAddress: config.listen, services, clock: systemClock, logger });
    await node.register(grpc.address);
    logger.info({ address: grpc.address, dataDir: config.dataDir }, "BigMap serves");
    return { address: grpc.address, stop: once(() => stop(grpc, node)) };
  } catch (error) {
    await node.close();
    throw error;
  }
}

/** The store is open: what it has of files is in the count. */
function warnOfFewFiles(logger: Logger): void {
  const limit = openFilesLimit();
  const open = openFileCount();
  if (!openFilesAreFew(limit, open)) return;
  logger.warn({ limit, open, connections: connectionsMost(limit) }, "The limit of open files is low; raise it (ulimit -n)");
}

async function stop(grpc: GrpcServer, node: Node): Promise<void> {
  await grpc.stop(drainTimeoutMs);
  await node.close();
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= run());
}
