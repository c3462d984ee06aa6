import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { FaultPoints } from "../base/fault-points.js";
import type { CanisterId, ReplicaId, SessionId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import type { Logger } from "../base/logger.js";
import type { ScanPageRequest } from "../base/map-backend.js";
import { isUpdate, kindOf, operationKind, type OperationBatch, type OperationTarget, type ResultSink } from "../base/operation-batch.js";
import type { CanisterHost, ClearResult, SplitRequest, SplitResult } from "../canister/canister-host.js";
import type { MetaStore } from "../meta/meta-store.js";
import type { RecordView } from "../meta/record-view.js";
import type { CanisterStatus } from "../ring/topology.js";
import type { Durability, StorageEngine } from "../storage/storage-engine.js";
import { AbsenceFilter } from "./absence-filter.js";
import { AbsenceSurvey } from "./absence-survey.js";
import { Admission } from "./admission.js";
import { CanisterKeeper } from "./canister-keeper.js";
import { Checkpointer } from "./checkpointer.js";
import { ColdReads } from "./cold-reads.js";
import { Dispatcher } from "./dispatcher.js";
import type { Forwarder } from "./dispatcher-parts.js";
import { EntryCache } from "./entry-cache.js";
import { HistogramRefiner } from "./histogram-refiner.js";
import type { HostedCanister } from "./hosted-canister.js";
import { mapNotFound } from "./map-maker.js";
import { RouteTable, type MapRoutes } from "./map-routes.js";
import { PendingKeys } from "./pending-keys.js";
import { recoverStates, type RecoveredStates } from "./recovery.js";
import { ScanPages, type PageOrOwner } from "./scan-pages.js";
import { SplitExecutor } from "./split-executor.js";
import { refusedSince, UpdatePipeline } from "./update-pipeline.js";
import type { UpdateGroup } from "./update-group.js";
import { WaitingRoom } from "./waiting-room.js";
import { WriteStamps } from "./write-stamps.js";

export interface ReplicaParts {
  readonly replicaId: ReplicaId;
  readonly engine: StorageEngine;
  readonly durability: Durability;
  readonly meta: MetaStore;
  readonly view: RecordView;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly faults: FaultPoints;
  /** Whether the meta store writes through the same engine; then a split's transaction need not wait for updates before it. */
  readonly metaFollowsUpdates: boolean;
  /** Budget of the entry cache. */
  readonly cacheBytes: number;
  /** Size of the absence filter: a power of two. */
  readonly absenceFilterBytes: number;
  readonly forwarder: Forwarder;
  /** Makes a map for its first write: the router's business. */
  readonly ensureMap: (map: string) => Promise<unknown>;
  /** Whether puts, or all updates, must be refused for want of disk space. */
  readonly diskIsFull: () => "no" | "puts" | "updates";
}

/**
 * Hosts data canisters on one storage engine: carries out operations, commits updates in groups, recovers at start, and
 * opens, splits, clears and closes canisters on command of the router. Holds no network.
 */
export class Replica implements OperationTarget, CanisterHost {
  readonly replicaId: ReplicaId;
  readonly #parts: ReplicaParts;
  readonly #routes: RouteTable;
  readonly #dispatcher: Dispatcher;
  readonly #admission = new Admission();
  readonly #coldReads: ColdReads;
  readonly #pipeline: UpdatePipeline;
  readonly #keeper: CanisterKeeper;
  readonly #splitter: SplitExecutor;
  readonly #refiner: HistogramRefiner;
  readonly #survey: AbsenceSurvey;
  readonly #checkpointer: Checkpointer;
  readonly #waitingRoom: WaitingRoom;
  readonly #scanPages: ScanPages;
  readonly #pressureListeners = new Set<(canisterId: CanisterId) => void>();
  readonly #endView: () => void;
  #isStopping = false;

  private constructor(parts: ReplicaParts, { lastCommitNumber, firstDeltaNumber }: RecoveredStates) {
    this.#parts = parts;
    this.replicaId = parts.replicaId;
    const { engine, meta, view, clock, faults } = parts;
    const cache = new EntryCache(parts.cacheBytes);
    const absence = new AbsenceFilter(parts.absenceFilterBytes);
    this.#survey = new AbsenceSurvey({ ...parts, filter: absence });
    const pendingKeys = new PendingKeys();
    const stamps = new WriteStamps();
    const routes = (this.#routes = new RouteTable(parts.replicaId));
    this.#coldReads = new ColdReads(engine, cache, pendingKeys, stamps);
    const release = (hosted: HostedCanister): void => this.#dispatcher.release(hosted);
    this.#pipeline = new UpdatePipeline({
      engine,
      durability: parts.durability,
      cache,
      absence,
      pendingKeys,
      stamps,
      clock,
      faults,
      firstCommitNumber: lastCommitNumber + 1,
      park: (group, first, size) => this.#park(group, first, size, pendingKeys),
      onAnswered: (execution, index) => this.#dispatcher.answered(execution, index),
      onCommitted: (hosted) => this.#noteCommit(hosted),
      onFailed: (error) => parts.logger.error({ err: error }, "A write failed; updates are refused until the replica is restarted"),
    });
    this.#dispatcher = new Dispatcher({
      routes,
      cache,
      absence,
      pendingKeys,
      pipeline: this.#pipeline,
      admission: this.#admission,
      coldReads: this.#coldReads,
      forwarder: parts.forwarder,
      addressOf: (replicaId) => this.#addressOf(replicaId),
      monotonicMs: () => clock.monotonicMs(),
      ensureMap: (map) => this.#ensureMap(map),
      updatesRefused: (operation) => this.#updatesRefused(operation),
    });
    this.#keeper = new CanisterKeeper({ ...parts, routes, pipeline: this.#pipeline, stamps, release });
    this.#splitter = new SplitExecutor({
      engine,
      meta,
      pipeline: this.#pipeline,
      clock,
      faults,
      release,
      metaFollowsUpdates: parts.metaFollowsUpdates,
      endTurn: () => this.#dispatcher.endTurn(),
      reached: (revision) => view.reached(revision),
      adopt: (child) => {
        routes.addCanister(child);
        routes.refresh(view.table);
      },
    });
    const isHosted = (hosted: HostedCanister): boolean => routes.canister(hosted.canister.canisterId) === hosted;
    this.#refiner = new HistogramRefiner({ engine, pipeline: this.#pipeline, logger: parts.logger, release, isHosted });
    this.#checkpointer = new Checkpointer(this.#pipeline, faults, firstDeltaNumber);
    this.#waitingRoom = new WaitingRoom(clock, routes, release, (execution, index) => this.#dispatcher.answered(execution, index));
    this.#scanPages = new ScanPages({
      ...parts,
      routesOf: (map) => this.routesOf(map),
      isHosted,
      addressOf: (replicaId) => this.#addressOf(replicaId),
      settled: () => this.#pipeline.settled(),
    });
    this.#endView = view.onChange(() => this.#followRecords());
  }

  /** Recovers what is stored and opens every canister that the records place here. */
  static async open(parts: ReplicaParts): Promise<Replica> {
    const states = await recoverStates(parts.engine);
    const replica = new Replica(parts, states);
    await replica.#keeper.openAll(states);
    await replica.#foldOldDeltas();
    for (const hosted of replica.#routes.canisters()) replica.#refiner.note(hosted);
    await replica.#survey.begin(states.canisters.size === 0, replica.#routes.canisters());
    return replica;
  }

  submit(batch: OperationBatch, sessionId: SessionId, sink: ResultSink): void {
    this.#dispatcher.submit(batch, sessionId, sink);
  }

  /** What was accepted and is not answered: updates, their bytes, and reads that are at the storage engine. */
  get load(): { readonly updates: number; readonly updateBytes: number; readonly reads: number } {
    return { updates: this.#admission.operations, updateBytes: this.#admission.bytes, reads: this.#coldReads.size };
  }

  /** Whether a write failed, so that only reads are served. */
  get failure(): BigMapError | undefined {
    return this.#pipeline.failure;
  }

  /** Keys and values of all updates that were ever accepted. */
  get acceptedBytes(): number {
    return this.#admission.acceptedBytes;
  }

  /** Those of them that are answered, and so written or refused. */
  get answeredBytes(): number {
    return this.#admission.acceptedBytes - this.#admission.bytes;
  }

  /** Whether puts are taken now. Errors: DISK_FULL, SHUTTING_DOWN, that of a write that failed. */
  assertTakesPuts(): void {
    const refused = this.#updatesRefused(operationKind.put);
    if (refused !== undefined) throw refused;
  }

  /** The map's ring and canisters. Errors: MAP_NOT_FOUND, MAP_NAME_INVALID. */
  routesOf(map: string): MapRoutes {
    const routes = this.#routes.find(map);
    if (routes === undefined) throw mapNotFound(map);
    return routes;
  }

  /**
   * One page of the canister in which the cursor lies, or the address of the replica that has that canister. So many are read at once,
   * the others wait, `timeoutMs` at most. Errors: MAP_NOT_FOUND, CURSOR_INVALID, CANISTER_STOPPED, OVERLOADED, DEADLINE_EXCEEDED.
   */
  scanPage(request: ScanPageRequest, signal?: AbortSignal, timeoutMs?: number): Promise<PageOrOwner> {
    return this.#scanPages.page(request, signal, timeoutMs);
  }

  canisterStatuses(): readonly CanisterStatus[] {
    return [...this.#routes.canisters()].map((hosted) => this.#statusOf(hosted));
  }

  canisterStatus(canisterId: CanisterId): CanisterStatus {
    return this.#statusOf(this.#keeper.find(canisterId));
  }

  async createCanister(canisterId: CanisterId): Promise<CanisterStatus> {
    return this.#statusOf(await this.#keeper.create(canisterId));
  }

  async startCanister(canisterId: CanisterId): Promise<CanisterStatus> {
    await this.#keeper.start(canisterId);
    return this.canisterStatus(canisterId);
  }

  async stopCanister(canisterId: CanisterId): Promise<CanisterStatus> {
    await this.#keeper.stop(canisterId);
    return this.canisterStatus(canisterId);
  }

  deleteCanister(canisterId: CanisterId): Promise<void> {
    return this.#keeper.delete(canisterId);
  }

  clearCanister(canisterId: CanisterId): Promise<ClearResult> {
    return this.#keeper.clear(canisterId);
  }

  async splitCanister(request: SplitRequest): Promise<SplitResult> {
    const split = await this.#splitter.split(this.#keeper.find(request.canisterId), request);
    for (const canisterId of [split.leftId, split.rightId]) {
      const half = this.#routes.canister(canisterId);
      if (half !== undefined) this.#refiner.note(half);
    }
    return split;
  }

  onPressure(listener: (canisterId: CanisterId) => void): () => void {
    this.#pressureListeners.add(listener);
    return () => this.#pressureListeners.delete(listener);
  }

  /** Answers what was accepted, writes a last checkpoint and lets go of everything; the engine stays open. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#endView();
    this.#waitingRoom.close();
    await Promise.all([this.#refiner.stop(), this.#survey.stop()]);
    for (const hosted of this.#routes.canisters()) await hosted.drained();
    // An update that was in the pipeline may have met the hard cap meanwhile, and waits for a split that does not come.
    this.#waitingRoom.close();
    await this.#pipeline.settled();
    await this.#coldReads.settled();
    if (this.failure === undefined) await this.#checkpointer.finish();
  }

  /** What the last run left in delta rows becomes part of the canisters' rows. */
  async #foldOldDeltas(): Promise<void> {
    for (const hosted of this.#routes.canisters()) this.#checkpointer.note(hosted);
    await this.#checkpointer.finish();
  }

  async #ensureMap(map: string): Promise<void> {
    this.assertTakesPuts();
    await this.#parts.ensureMap(map);
    this.#routes.refresh(await this.#parts.view.refresh());
  }

  #addressOf(replicaId: ReplicaId): string {
    return this.#parts.view.table.replicas().find((replica) => replica.replicaId === replicaId)?.address ?? "";
  }

  #statusOf(hosted: HostedCanister): CanisterStatus {
    const { canister } = hosted;
    return {
      canisterId: canister.canisterId,
      mapId: canister.mapId,
      map: canister.map,
      range: canister.range,
      epoch: canister.epoch,
      replicaId: this.replicaId,
      state: canister.state,
      entries: canister.committedEntries,
      bytes: canister.committedBytes,
      capBytes: canister.capBytes,
      sequence: canister.committedSequence,
      unsplittable: canister.unsplittable,
      writesWaiting: hosted.isFull,
    };
  }

  /** The decided operations from `first` of a group wait until their canister takes updates again. */
  #park(group: UpdateGroup, first: number, size: number, pendingKeys: PendingKeys): void {
    const hosted = group.canisters[first] as HostedCanister;
    this.#waitingRoom.enter(hosted, group, first, size);
    for (let i = first; i < first + size; i++) {
      const key = group.keys[i];
      if (key !== undefined) pendingKeys.release(key);
      hosted.released();
    }
    this.#reportPressure(hosted);
  }

  #noteCommit(hosted: HostedCanister): void {
    this.#checkpointer.note(hosted);
    const { committedBytes, capBytes } = hosted.canister;
    if (committedBytes < capBytes * limits.softCapRatio || committedBytes < hosted.reportedBytes + capBytes / 100) return;
    hosted.reportedBytes = committedBytes;
    this.#reportPressure(hosted);
  }

  #reportPressure(hosted: HostedCanister): void {
    for (const listener of this.#pressureListeners) listener(hosted.canister.canisterId);
  }

  #updatesRefused(operation: number): BigMapError | undefined {
    if (this.#isStopping) return new BigMapError("SHUTTING_DOWN", "The replica is stopping");
    const { failure } = this.#pipeline;
    if (failure !== undefined) return refusedSince(failure);
    const refused = this.#parts.diskIsFull();
    if (refused === "no" || (refused === "puts" && isUpdate(operation) && kindOf(operation) !== operationKind.put)) return undefined;
    return new BigMapError("DISK_FULL", "The disk of the data folder is nearly full");
  }

  /** Records may change by other hands: canisters placed here by a router elsewhere, rings of other replicas. */
  #followRecords(): void {
    try {
      this.#routes.refresh(this.#parts.view.table);
    } catch (error) {
      this.#parts.logger.error({ err: error }, "The meta records could not be followed");
    }
  }
}
