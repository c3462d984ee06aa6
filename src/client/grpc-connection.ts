import { BigMapError } from "../base/errors.js";
import type { CanisterId, SessionId } from "../base/ids.js";
import type { MapDescription, MapPage, MapSettings, MapStatistics, ScanPageRequest } from "../base/map-backend.js";
import type { ScanPage } from "../base/scan-page.js";
import type { OperationBatch, ResultSink } from "../base/operation-batch.js";
import { mapMethods, routerMethods, type Method } from "../proto/methods.js";
import type { Token } from "../ring/token.js";
import type { CanisterSplit, MapRing, Topology } from "../ring/topology.js";
import { retrying } from "../rpc/retry.js";
import type { Connection } from "./connection.js";
import { ReplicaLink, type LinkPorts } from "./replica-link.js";
import type { ReplicaSession } from "./replica-session.js";
import { RingWatch } from "./ring-watch.js";

export interface GrpcConnectionOptions extends LinkPorts {
  readonly endpoints: readonly string[];
  /** For connecting, and for each call that is not an operation. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Resolves when a replica answers. Errors: UNAVAILABLE, CANCELLED, INVALID_ARGUMENT. */
export async function connectGrpc(options: GrpcConnectionOptions): Promise<Connection> {
  assertEndpoints(options.endpoints);
  const home = new ReplicaLink(options.endpoints, options);
  try {
    await home.session(options.clock.monotonicMs() + options.timeoutMs, options.signal);
  } catch (error) {
    await home.close();
    throw error;
  }
  return new GrpcConnection(home, options);
}

/**
 * The map API over gRPC: operations travel in the pipe, everything else in calls of its own, which are repeated until
 * the timeout where the error's advice allows.
 */
class GrpcConnection implements Connection {
  /** What is sent is a copy. */
  readonly forgetsAnswered = true;
  readonly #home: ReplicaLink;
  readonly #options: GrpcConnectionOptions;

  constructor(home: ReplicaLink, options: GrpcConnectionOptions) {
    this.#home = home;
    this.#options = options;
  }

  submit(batch: OperationBatch, _sessionId: SessionId, sink: ResultSink): void {
    this.#home.submit(batch, sink);
  }

  withdraw(sink: ResultSink): boolean {
    return this.#home.withdraw(sink);
  }

  outage(): BigMapError | undefined {
    return this.#home.outage();
  }

  stopWaiting(): void {
    this.#home.stopWaiting();
  }

  createMap(map: string, settings: Partial<MapSettings>): Promise<MapDescription> {
    return this.#unary(mapMethods.createMap, { map, settings });
  }

  listMaps(page: { readonly pageSize: number; readonly pageToken: string | undefined }): Promise<MapPage> {
    return this.#unary(mapMethods.listMaps, page);
  }

  async dropMap(map: string): Promise<void> {
    await this.#unary(mapMethods.dropMap, { map });
  }

  async clear(map: string): Promise<number> {
    return (await this.#unary(mapMethods.clear, { map })).deletedEntries;
  }

  stats(map: string): Promise<MapStatistics> {
    return this.#unary(mapMethods.stats, { map });
  }

  scanPage(request: ScanPageRequest, signal?: AbortSignal, timeoutMs?: number): Promise<ScanPage> {
    const { maxEntries, noForward = false, ...rest } = request;
    const scan = { ...rest, limit: maxEntries, singlePage: true, noForward };
    return this.#retrying(
      signal,
      ({ pages }, deadlineMs) => pages.page(scan, signal === undefined ? { deadlineMs } : { deadlineMs, signal }),
      timeoutMs,
      // Another replica asks, which then knows better whom to ask.
      noForward ? ({ code }) => code === "NOT_OWNER" : undefined,
    );
  }

  getRing(map: string): Promise<MapRing> {
    return this.#unary(routerMethods.getRing, { map });
  }

  watchRing(map: string, signal: AbortSignal): AsyncIterable<MapRing> {
    return new RingWatch(map, signal, this.#home, this.#options);
  }

  async splitCanister(canisterId: CanisterId, cut: Token | undefined): Promise<CanisterSplit> {
    // Busy means that a split is running: repeated after it, the call would split one half again.
    const outcome = await this.#retrying(undefined, ({ channel }, deadlineMs) =>
      channel.unary(routerMethods.splitCanister, { canisterId, cut }, { deadlineMs }).catch((error: unknown) => {
        if (error instanceof BigMapError && error.code === "CANISTER_BUSY") return error;
        throw error;
      }),
    );
    if (outcome instanceof BigMapError) throw outcome;
    return outcome;
  }

  getTopology(map: string | undefined): Promise<Topology> {
    return this.#unary(routerMethods.getTopology, { map });
  }

  close(): Promise<void> {
    return this.#home.close();
  }

  #unary<Request, Response>(method: Method<Request, Response, "unary">, request: Request): Promise<Response> {
    return this.#retrying(undefined, ({ channel }, deadlineMs) => channel.unary(method, request, { deadlineMs }));
  }

  #retrying<T>(
    signal: AbortSignal | undefined,
    run: (session: ReplicaSession, deadlineMs: number) => Promise<T>,
    timeoutMs = this.#options.timeoutMs,
    isFinal: (error: BigMapError) => boolean = () => false,
  ): Promise<T> {
    const { clock, random } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    const options = { clock, random, deadlineMs, maxAttempts: Infinity, baseDelayMs: 10, maxDelayMs: 1_000, isFinal };
    return retrying(signal === undefined ? options : { ...options, signal }, () =>
      this.#home.call(deadlineMs, signal, (session) => run(session, deadlineMs)),
    );
  }
}

const endpointPattern = /^(\[[0-9A-Fa-f:.]+\]|[^\s:/]+):\d{1,5}$/;

function assertEndpoints(endpoints: readonly string[]): void {
  if (endpoints.length === 0) throw new BigMapError("INVALID_ARGUMENT", "There is no endpoint to connect to");
  for (const endpoint of endpoints) {
    if (!endpointPattern.test(endpoint)) throw new BigMapError("INVALID_ARGUMENT", `"${endpoint}" is not HOST:PORT`);
  }
}
