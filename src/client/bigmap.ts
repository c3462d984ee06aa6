import type { CanisterId, SessionId } from "../base/ids.js";
import { BigMapError } from "../base/errors.js";
import { systemClock, type Clock } from "../base/clock.js";
import { isMapName, limits } from "../base/limits.js";
import { silentLogger, type Logger } from "../base/logger.js";
import type { MapDescription, MapSettings } from "../base/map-backend.js";
import { assertSettings } from "../base/map-settings.js";
import { systemRandom, type Random } from "../base/random.js";
import type { Token } from "../ring/token.js";
import type { CanisterSplit, MapRing, Topology } from "../ring/topology.js";
import { Budget } from "./budget.js";
import { assertSignal, checkedTimeoutMs } from "./call-options.js";
import { Calls } from "./calls.js";
import { Coalescer } from "./coalescer.js";
import { bytes, utf8, type Codec } from "./codec.js";
import type { Connection } from "./connection.js";
import { connectGrpc } from "./grpc-connection.js";
import { MapHandle } from "./map-handle.js";
import type { Terms } from "./pending-batch.js";

export const defaultTimeoutMs = 30_000;

export interface ConnectOptions {
  /** HOST:PORT of one or more replicas; any of them answers for every key. */
  readonly endpoints: readonly string[];
  /** For connecting, and for every call that does not bring its own; 30 s by default. */
  readonly timeoutMs?: number;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
  /**
   * For imports and fills: gets, puts and deletes of this client give way to those of others. While there are others a replica takes
   * them at a rate that leaves its loop idle for two fifths of the time, but at least 2,000 a second (each KiB of a key and value counts
   * as one more); alone, when the others have been silent for a second, they are about as fast as any. At most 4,096 of them, or 4 MiB, are
   * at the replica; the others wait in this client. Waiting counts against the timeout. False by default.
   */
  readonly background?: boolean;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface BigMapOptions {
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Under which an in-process replica keeps the order of this client's operations. */
  readonly sessionId?: SessionId;
  /** What may wait in this client; past it operations fail with OVERLOADED. */
  readonly maxOperations?: number;
  readonly maxBytes?: number;
}

/** An open installation of BigMap: the door to its maps. */
export class BigMap {
  readonly #connection: Connection;
  readonly #calls: Calls;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sessionId: SessionId;
  readonly #terms: Terms;
  readonly #budget: Budget;
  readonly #coalescers = new Map<string, Coalescer>();
  #closing: Promise<void> | undefined;

  /** For connections of any sort; applications use `connect`, or `openBigMap` of `bigmap/embedded`. */
  constructor(connection: Connection, options: BigMapOptions = {}) {
    this.#connection = connection;
    this.#calls = new Calls(connection);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#sessionId = options.sessionId ?? 0;
    this.#terms = { timeoutMs: checkedTimeoutMs(options.timeoutMs ?? defaultTimeoutMs), signal: undefined, atomic: false };
    this.#budget = new Budget(options.maxOperations ?? limits.clientMaxOperations, options.maxBytes ?? limits.clientMaxBytes);
  }

  /** Errors: UNAVAILABLE where no endpoint answers within the timeout, CANCELLED, INVALID_ARGUMENT. */
  static async connect(options: ConnectOptions): Promise<BigMap> {
    assertEndpointList(options);
    const timeoutMs = checkedTimeoutMs(options.timeoutMs ?? defaultTimeoutMs);
    const clock = options.clock ?? systemClock;
    const random = options.random ?? systemRandom;
    const ports = { clock, random, logger: options.logger ?? silentLogger, background: options.background === true };
    const connection = await connectGrpc({ endpoints: options.endpoints, timeoutMs, signal: options.signal, ...ports });
    return new BigMap(connection, { timeoutMs, clock, random });
  }

  /** A handle of one map; asks nothing of the server. Keys are text and values bytes, unless codecs say otherwise. */
  map(name: string): MapHandle<string, Uint8Array>;
  map<V>(name: string, codecs: { readonly value: Codec<V> }): MapHandle<string, V>;
  map<K>(name: string, codecs: { readonly key: Codec<K> }): MapHandle<K, Uint8Array>;
  map<K, V>(name: string, codecs: { readonly key: Codec<K>; readonly value: Codec<V> }): MapHandle<K, V>;
  map(name: string, codecs: { readonly key?: Codec<unknown>; readonly value?: Codec<unknown> } = {}): MapHandle<unknown, unknown> {
    const key = codecs.key ?? utf8;
    const value = codecs.value ?? bytes;
    return new MapHandle(name, { key, value }, this.#coalescerOf(name), this.#calls, this.#terms);
  }

  /** Makes a map with settings of its own. Errors: MAP_EXISTS, MAP_NAME_INVALID, INVALID_ARGUMENT. */
  async createMap(name: string, settings: Partial<MapSettings> = {}): Promise<MapDescription> {
    this.#assertOpen();
    assertMapName(name);
    assertSettings(settings);
    return this.#calls.createMap(name, settings);
  }

  /** All maps, in the order of their names. */
  async *listMaps(): AsyncGenerator<MapDescription, void, undefined> {
    let pageToken: string | undefined;
    do {
      this.#assertOpen();
      const page = await this.#calls.listMaps({ pageSize: limits.listPageMaxMaps, pageToken });
      yield* page.maps;
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined);
  }

  /**
   * Deletes the map with all its entries, in one atomic step. In a map that is made anew under the name versions begin anew: see
   * `PutOptions.ifVersion`. Errors: MAP_NOT_FOUND.
   */
  async dropMap(name: string): Promise<void> {
    this.#assertOpen();
    assertMapName(name);
    this.#coalescers.get(name)?.flush();
    await this.#calls.dropMap(name);
  }

  /** The map's ring now. Errors: MAP_NOT_FOUND. */
  async ring(name: string): Promise<MapRing> {
    this.#assertOpen();
    assertMapName(name);
    return this.#calls.getRing(name);
  }

  /**
   * The map's ring now and after every change. Ends with MAP_NOT_FOUND when the map is dropped, quietly when aborted, and at once when the
   * client is closed.
   */
  watchRing(name: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterable<MapRing> {
    this.#assertOpen();
    assertMapName(name);
    if (options.signal !== undefined) assertSignal(options.signal);
    return this.#calls.watchRing(name, options.signal);
  }

  /** Replicas, maps and canisters; of one map or of all. Errors: MAP_NOT_FOUND. */
  async topology(name?: string): Promise<Topology> {
    this.#assertOpen();
    if (name !== undefined) assertMapName(name);
    return this.#calls.getTopology(name);
  }

  /**
   * Splits a data canister and resolves when the new ring is in force. `cut` is the first token of the right half; by
   * default the point that halves the bytes. Errors: CANISTER_NOT_FOUND, CANISTER_UNSPLITTABLE, CANISTER_BUSY,
   * INVALID_ARGUMENT (a cut that leaves one half empty of tokens).
   */
  async splitCanister(canisterId: CanisterId, options: { readonly cut?: Token } = {}): Promise<CanisterSplit> {
    this.#assertOpen();
    if (!Number.isSafeInteger(canisterId) || canisterId < 0)
      throw new BigMapError("INVALID_ARGUMENT", `${canisterId} is not a canister's number`);
    if (options.cut !== undefined) assertToken(options.cut);
    return this.#calls.splitCanister(canisterId, options.cut);
  }

  /**
   * Answers what is under way, then ends. Operations, other calls and pages of scans are waited for until they are answered, or until their
   * own timeout, so beside a replica that hangs this takes as long as the longest of them; what has no connection to be sent on is
   * UNAVAILABLE at once. Watches end at once. Every later call, and the next page of a scan, fails with CLOSED.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#connection.stopWaiting?.();
    await Promise.all([this.#calls.close(), ...[...this.#coalescers.values()].map((coalescer) => coalescer.close())]);
    await this.#connection.close();
  }

  #coalescerOf(name: string): Coalescer {
    this.#assertOpen();
    assertMapName(name);
    let coalescer = this.#coalescers.get(name);
    if (coalescer === undefined) {
      const ports = {
        connection: this.#connection,
        sessionId: this.#sessionId,
        budget: this.#budget,
        clock: this.#clock,
        random: this.#random,
      };
      coalescer = new Coalescer(name, ports);
      this.#coalescers.set(name, coalescer);
    }
    return coalescer;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new BigMapError("CLOSED", "This client was closed");
  }
}

/** For callers without types. */
function assertEndpointList(options: ConnectOptions | undefined): void {
  const endpoints: unknown = options?.endpoints;
  if (Array.isArray(endpoints) && endpoints.every((endpoint) => typeof endpoint === "string")) return;
  throw new BigMapError("INVALID_ARGUMENT", "connect needs { endpoints: [...] }, a list of HOST:PORT");
}

function assertMapName(name: string): void {
  if (typeof name !== "string") throw new BigMapError("MAP_NAME_INVALID", "The name of a map is a string");
  if (!isMapName(name)) throw new BigMapError("MAP_NAME_INVALID", `"${name.slice(0, limits.mapNameMaxChars)}" is not a name for a map`);
}

function assertToken({ high, low }: Token): void {
  if (high >>> 0 === high && low >>> 0 === low) return;
  throw new BigMapError("INVALID_ARGUMENT", `A token is two whole numbers of 32 bits, not ${high} and ${low}`);
}
