import { BigMapError } from "../base/errors.js";
import type { CanisterId, ReplicaId } from "../base/ids.js";
import type { ClearResult } from "../canister/canister-host.js";
import { DataCanister } from "../canister/data-canister.js";
import { Accounting } from "../canister/accounting.js";
import type { MetaStore } from "../meta/meta-store.js";
import { decodeCanisterRecord, encodeCanisterRecord } from "../meta/record-codec.js";
import { canisterRecordKey } from "../meta/record-keys.js";
import type { Revised } from "../meta/map-ring.js";
import type { CanisterRecord } from "../meta/records.js";
import type { RecordView } from "../meta/record-view.js";
import { canisterKey, entryKeyRange } from "../storage/key-layout.js";
import type { StorageEngine } from "../storage/storage-engine.js";
import type { FaultPoints } from "../base/fault-points.js";
import { putCanisterRow } from "./checkpointer.js";
import { HostedCanister } from "./hosted-canister.js";
import type { RouteTable } from "./map-routes.js";
import { finishClear, noStates, stateOf, type RecoveredStates } from "./recovery.js";
import type { UpdatePipeline } from "./update-pipeline.js";
import type { WriteStamps } from "./write-stamps.js";

export interface CanisterKeeperParts {
  readonly replicaId: ReplicaId;
  readonly engine: StorageEngine;
  readonly meta: MetaStore;
  readonly view: RecordView;
  readonly routes: RouteTable;
  readonly pipeline: UpdatePipeline;
  readonly stamps: WriteStamps;
  readonly faults: FaultPoints;
  readonly release: (hosted: HostedCanister) => void;
}

interface OpenedCanister {
  readonly hosted: HostedCanister;
  readonly isStopped: boolean;
  /** What is stored is this canister's own state; else it must be written before the canister serves. */
  readonly hasOwnRow: boolean;
}

/** A canister's life on this replica: open, start, stop, clear, delete. */
export class CanisterKeeper {
  #nextCacheSpace = 1;
  readonly #opening = new Map<CanisterId, Promise<HostedCanister>>();

  constructor(private readonly parts: CanisterKeeperParts) {}

  /** Opens every canister that the records place here, and frees what no record names any more. */
  async openAll(states: RecoveredStates): Promise<void> {
    const { table } = this.parts.view;
    const opened: OpenedCanister[] = [];
    for (const map of table.mapNames()) {
      for (const { record } of table.canistersOf(table.map(map)?.record.mapId ?? 0)) {
        if (record.replicaId === this.parts.replicaId) opened.push(await this.#open(record, states));
      }
    }
    await this.#serve(opened);
    const named = new Set(opened.map(({ hosted }) => hosted.canister.canisterId));
    for (const [canisterId, row] of states.canisters) {
      if (!named.has(canisterId)) await this.#free(canisterId, row.mapId, row.accounting);
    }
    this.parts.routes.refresh(table);
  }

  /** Opens a canister that was placed here just now. Errors: CANISTER_NOT_FOUND. */
  async create(canisterId: CanisterId): Promise<HostedCanister> {
    const known = this.parts.routes.canister(canisterId) ?? this.#opening.get(canisterId);
    if (known !== undefined) return known;
    const opening = this.#createNew(canisterId).finally(() => this.#opening.delete(canisterId));
    this.#opening.set(canisterId, opening);
    return opening;
  }

  async #createNew(canisterId: CanisterId): Promise<HostedCanister> {
    const { record, revision } = await this.#record(canisterId);
    if (record.replicaId !== this.parts.replicaId) throw notFound(canisterId);
    await this.parts.view.reached(revision);
    const opened = await this.#open(record, noStates);
    await this.#serve([opened]);
    this.parts.routes.refresh(this.parts.view.table);
    return opened.hosted;
  }

  /** Errors: CANISTER_NOT_FOUND. */
  find(canisterId: CanisterId): HostedCanister {
    const hosted = this.parts.routes.canister(canisterId);
    if (hosted === undefined) throw notFound(canisterId);
    return hosted;
  }

  async start(canisterId: CanisterId): Promise<void> {
    const hosted = this.find(canisterId);
    if (hosted.canister.state !== "stopped") return;
    await this.#noteStopped(canisterId, false);
    hosted.canister.become("serving");
  }

  /** Answers what was accepted first. */
  async stop(canisterId: CanisterId): Promise<void> {
    const hosted = this.find(canisterId);
    const { canister } = hosted;
    if (canister.state === "stopped") return;
    if (canister.state === "frozen") throw new BigMapError("CANISTER_BUSY", `Canister ${canisterId} is being split or cleared`);
    canister.become("stopping");
    this.parts.release(hosted);
    await hosted.drained();
    await this.#noteStopped(canisterId, true);
    canister.become("stopped");
  }

  /** Frees a canister that no record names any more. Errors: CANISTER_IN_USE, CANISTER_NOT_FOUND. */
  async delete(canisterId: CanisterId): Promise<void> {
    const hosted = this.find(canisterId);
    if ((await this.parts.meta.get(canisterRecordKey(canisterId))) !== undefined) {
      throw new BigMapError("CANISTER_IN_USE", `Canister ${canisterId} is part of the ring of map "${hosted.canister.map}"`);
    }
    // The map is out of the routes before the last update is waited for: nothing new can arrive behind it.
    this.parts.routes.refresh(await this.parts.view.refresh());
    this.parts.release(hosted);
    await hosted.drained();
    this.parts.routes.removeCanister(hosted);
    await this.#free(canisterId, hosted.canister.mapId, hosted.canister.accounting);
  }

  /**
   * Deletes all entries of the canister in one atomic step. Updates wait meanwhile. Errors: CANISTER_NOT_FOUND, CANISTER_BUSY.
   */
  async clear(canisterId: CanisterId): Promise<ClearResult> {
    const hosted = this.find(canisterId);
    const { canister } = hosted;
    canister.become("frozen");
    try {
      await hosted.drained();
      const { entries, range } = canister.accounting;
      await this.parts.pipeline.runStep((commit) => {
        hosted.isClearing = true;
        canister.sequence++;
        canister.replaceAccounting(new Accounting(range), canister.epoch);
        putCanisterRow(commit, hosted);
      });
      this.parts.faults.reach("clear.marked");
      hosted.cacheSpace = this.#nextCacheSpace++;
      await this.parts.engine.deleteRange(entryKeyRange(canister.mapId, canister.range));
      this.parts.faults.reach("clear.deleted");
      this.parts.stamps.bumpAll();
      hosted.isClearing = false;
      await this.parts.pipeline.runStep((commit) => putCanisterRow(commit, hosted));
      return { deletedEntries: entries, range };
    } finally {
      hosted.isClearing = false;
      hosted.isFull = false;
      if (canister.state === "frozen") canister.become("serving");
      this.parts.release(hosted);
    }
  }

  async #open(record: CanisterRecord, states: RecoveredStates): Promise<OpenedCanister> {
    const state = await stateOf(this.parts.engine, record, states);
    if (state.clearing) await finishClear(this.parts.engine, record);
    const settings = this.parts.view.table.map(record.map)?.record.settings;
    if (settings === undefined) throw new BigMapError("MAP_NOT_FOUND", `There is no map "${record.map}"`);
    const canister = new DataCanister({ ...record, capBytes: settings.canisterCapBytes }, state.accounting, state.sequence);
    const hasOwnRow = states.canisters.get(record.canisterId) === state && !state.clearing;
    return { hosted: new HostedCanister(canister, this.#nextCacheSpace++), isStopped: record.stopped, hasOwnRow };
  }

  /**
   * Writes the rows of canisters whose state was derived, all in one commit: a parent's row must not shrink while a child that
   * was cut out of it has none.
   */
  async #serve(opened: readonly OpenedCanister[]): Promise<void> {
    const derived = opened.filter(({ hasOwnRow }) => !hasOwnRow);
    if (derived.length > 0) {
      await this.parts.pipeline.runStep((commit) => derived.forEach(({ hosted }) => putCanisterRow(commit, hosted)));
    }
    for (const { hosted, isStopped } of opened) {
      hosted.canister.become(isStopped ? "stopped" : "serving");
      this.parts.routes.addCanister(hosted);
    }
  }

  async #free(canisterId: CanisterId, mapId: number, accounting: Accounting): Promise<void> {
    await this.parts.engine.deleteRange(entryKeyRange(mapId, accounting.range));
    this.parts.stamps.bumpAll();
    await this.parts.pipeline.runStep((commit) => commit.rows.delete(canisterKey(canisterId)));
  }

  /** Errors: CANISTER_NOT_FOUND. */
  async #record(canisterId: CanisterId): Promise<Revised<CanisterRecord>> {
    const stored = await this.parts.meta.get(canisterRecordKey(canisterId));
    if (stored === undefined) throw notFound(canisterId);
    return { record: decodeCanisterRecord(stored.value), revision: stored.revision };
  }

  /** A canister without a record is about to be deleted: there is nothing to note. */
  async #noteStopped(canisterId: CanisterId, stopped: boolean): Promise<void> {
    const key = canisterRecordKey(canisterId);
    for (;;) {
      const stored = await this.parts.meta.get(key);
      if (stored === undefined) return;
      const value = encodeCanisterRecord({ ...decodeCanisterRecord(stored.value), stopped });
      const { committed } = await this.parts.meta.commit({
        compares: [{ key, revision: stored.revision }],
        puts: [{ key, value }],
        deletes: [],
      });
      if (committed) return;
    }
  }
}

function notFound(canisterId: CanisterId): BigMapError {
  return new BigMapError("CANISTER_NOT_FOUND", `There is no canister ${canisterId} here`);
}
