import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import { sleep, type Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { Logger } from "../base/logger.js";
import { serviceNames } from "../proto/methods.js";
import { limitMetadata } from "./call-stream.js";
import { limitConnections } from "./connection-limit.js";
import { PartialMessages } from "./partial-messages.js";
import { PeerWatch } from "./peer-watch.js";
import { refuseCompression } from "./refuse-compression.js";
import type { Service } from "./service.js";
import { serverOptions } from "./transport-options.js";
import { watchClients } from "./watched-connections.js";

export interface GrpcServerOptions {
  /** HOST:PORT; port 0 lets the system choose. */
  readonly listenAddress: string;
  readonly services: readonly Service[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The folder of the .proto files: they are shipped, because reflection describes the services by them. */
const protoDir = fileURLToPath(new URL("../../../proto", import.meta.url));
const protoFiles = ["map_service", "router_service", "replica_service"].map((name) => `bigmap/v1/${name}.proto`);

/** How long the last bytes and trailers of answered calls may take. */
const flushTimeoutMs = 500;

/**
 * A gRPC server that offers the given services, health and reflection on one port.
 * Life: serving → stopping → stopped.
 */
export class GrpcServer {
  /** HOST:PORT with the port that was chosen. */
  readonly address: string;
  readonly port: number;
  readonly #server: grpc.Server;
  readonly #health: HealthImplementation;
  readonly #options: GrpcServerOptions;
  #stopped: Promise<void> | undefined;

  private constructor(server: grpc.Server, health: HealthImplementation, port: number, options: GrpcServerOptions) {
    this.#server = server;
    this.#health = health;
    this.#options = options;
    this.port = port;
    this.address = `${hostOf(options.listenAddress)}:${port}`;
  }

  /** Starts to listen. Errors: LISTEN_FAILED. */
  static async listen(options: GrpcServerOptions): Promise<GrpcServer> {
    const partialMessages = new PartialMessages(options.clock);
    const server = new grpc.Server({ ...serverOptions, interceptors: [partialMessages.interceptor, refuseCompression] });
    limitMetadata(server, limits.callMetadataMaxBytes);
    for (const service of options.services) server.addService(service.definition, service.implementation);
    const health = new HealthImplementation(Object.fromEntries(["", ...serviceNames].map((name) => [name, "SERVING"])));
    health.addToServer(server);
    addReflection(server);
    const port = await bind(server, options.listenAddress);
    watchClients(server, new PeerWatch(options.clock));
    limitConnections(server, options.clock, options.logger);
    return new GrpcServer(server, health, port, options);
  }

  /** What the health service answers. */
  setServing(serving: boolean): void {
    for (const name of ["", ...serviceNames]) this.#health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
  }

  /**
   * Accepts nothing new, tells the clients (GOAWAY), answers what was accepted, and closes; what is not answered after
   * `timeoutMs` is cut off. Calling it again waits for the same end.
   */
  stop(timeoutMs: number): Promise<void> {
    this.#stopped ??= this.#stop(timeoutMs);
    return this.#stopped;
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.setServing(false);
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    const drained = Promise.all(this.#options.services.map((service) => service.drain()));
    if (!(await this.#within(timeoutMs, drained))) {
      this.#options.logger.warn({ timeoutMs }, "Calls were cut off because they were not answered in time");
    }
    // Streams that never end by themselves, such as a health watch, must not hold up the end.
    await this.#within(flushTimeoutMs, closed);
    this.#server.forceShutdown();
  }

  /** Whether the work ends within the time. */
  async #within(timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
    const timeout = new AbortController();
    const timer = sleep(this.#options.clock, timeoutMs, timeout.signal).then(
      () => false,
      () => false,
    );
    const inTime = await Promise.race([work.then(() => true), timer]);
    timeout.abort();
    return inTime;
  }
}

/**
 * Describes our own services. The health service is left out: stock tools know it by heart, and its descriptor, as
 * proto-loader rebuilds it, is one that they cannot link.
 */
function addReflection(server: grpc.Server): void {
  new ReflectionService(loadSync(protoFiles, { includeDirs: [protoDir], keepCase: true })).addToServer(server);
}

function bind(server: grpc.Server, listenAddress: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      reject(new BigMapError("LISTEN_FAILED", `Cannot listen on ${listenAddress}: ${reason}`, { cause }));
    };
    try {
      server.bindAsync(listenAddress, grpc.ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else fail(error);
      });
    } catch (error) {
      fail(error);
    }
  });
}

function hostOf(listenAddress: string): string {
  const colon = listenAddress.lastIndexOf(":");
  return colon < 0 ? listenAddress : listenAddress.slice(0, colon);
}
