import { systemClock } from "../../src/base/clock.js";
import { silentLogger } from "../../src/base/logger.js";
import type { Connection } from "../../src/client/connection.js";
import { mapService } from "../../src/replica/map-service.js";
import { routerService } from "../../src/router/router-service.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";

/** The real gRPC server over any connection; on a port of the system's choice unless one is given. */
export function serve(connection: Connection, port = 0): Promise<GrpcServer> {
  const ports = { clock: systemClock, sessions: new SessionCounter(), logger: silentLogger };
  return GrpcServer.listen({
    listenAddress: `127.0.0.1:${port}`,
    services: [mapService(connection, ports), routerService(connection, ports)],
    clock: systemClock,
    logger: silentLogger,
  });
}
