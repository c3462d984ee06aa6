import { sleep, type Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { FaultPoints } from "../base/fault-points.js";
import type { SplitRequest, SplitResult } from "../canister/canister-host.js";
import { DataCanister } from "../canister/data-canister.js";
import { findSplitPoint, firstTokenOf, splitPointAt, type SplitPoint } from "../canister/split-point.js";
import type { Revised } from "../meta/map-ring.js";
import type { MetaStore } from "../meta/meta-store.js";
import { decodeCanisterRecord, encodeCanisterRecord } from "../meta/record-codec.js";
import { canisterRecordKey } from "../meta/record-keys.js";
import type { CanisterRecord } from "../meta/records.js";
import { planSplit, type PlannedSplit } from "../meta/split-transaction.js";
import type { KeyRange, StorageEngine } from "../storage/storage-engine.js";
import { compareTokens, type Token } from "../ring/token.js";
import { putCanisterRow } from "./checkpointer.js";
import { HostedCanister } from "./hosted-canister.js";
import { tokenAt } from "./operation-checks.js";
import type { UpdatePipeline } from "./update-pipeline.js";

export interface SplitExecutorParts {
  readonly engine: StorageEngine;
  readonly meta: MetaStore;
  readonly pipeline: UpdatePipeline;
  readonly clock: Clock;
  readonly faults: FaultPoints;
  /**
   * The meta store writes through the same engine, in the order of the calls: its transaction cannot be durable before the
   * updates that were sent before it, so it need not wait for them.
   */
  readonly metaFollowsUpdates: boolean;
  /** Sends the updates of this turn on their way now. */
  readonly endTurn: () => void;
  /** Resolves when the records of this revision are known here. */
  readonly reached: (revision: number) => Promise<void>;
  /** Makes the child known and takes over the new ring. */
  readonly adopt: (child: HostedCanister) => void;
  /** Sends the updates that waited on their way. */
  readonly release: (hosted: HostedCanister) => void;
}

const rereadDelayMs = 200;

/**
 * Splits a canister: freeze updates (queries go on) → drain → one transaction in the meta store, which is the commit point →
 * flip both halves in one turn. Nothing is copied. An unknown outcome is resolved before anything else happens: the
 * canister stays frozen until it is known whether the transaction won.
 */
export class SplitExecutor {
  constructor(private readonly parts: SplitExecutorParts) {}

  /** Errors: CANISTER_BUSY, CANISTER_UNSPLITTABLE, INVALID_ARGUMENT; those of the meta store. */
  async split(hosted: HostedCanister, request: SplitRequest): Promise<SplitResult> {
    const { canister } = hosted;
    const { faults } = this.parts;
    faults.reach("split.chosen");
    canister.become("frozen");
    try {
      faults.reach("split.frozen");
      await this.#settle(hosted);
      const point = await this.#findPoint(hosted, request);
      const parent = await this.#record(canister.canisterId);
      const planned = planSplit(parent, request.childId, point.cut, canister.sequence);
      faults.reach("split.drained");
      const revision = await this.#commit(planned, parent);
      faults.reach("split.committed");
      await this.#flip(hosted, point, planned, revision);
      faults.reach("split.flipped");
      return { cut: point.cut, leftId: canister.canisterId, rightId: request.childId, revision };
    } finally {
      if (canister.state === "frozen") this.#resume(hosted);
    }
  }

  /** Resolves when what the canister accepted can no longer come after the split. */
  async #settle(hosted: HostedCanister): Promise<void> {
    this.parts.endTurn();
    await this.parts.pipeline.decided();
    if (!this.parts.metaFollowsUpdates) await hosted.drained();
  }

  #resume(hosted: HostedCanister): void {
    hosted.canister.become("serving");
    hosted.isFull = false;
    this.parts.release(hosted);
  }

  async #findPoint(hosted: HostedCanister, request: SplitRequest): Promise<SplitPoint> {
    const { engine } = this.parts;
    const { mapId, accounting } = hosted.canister;
    const store = { openReader: async (range: KeyRange) => hosted.drained().then(() => engine.openReader(range)) };
    if (request.cut !== undefined) return splitPointAt(store, mapId, accounting, request.cut);
    try {
      return await findSplitPoint(store, mapId, accounting);
    } catch (error) {
      if (!(error instanceof BigMapError) || error.code !== "CANISTER_UNSPLITTABLE") throw error;
      const only = await firstTokenOf(store, mapId, accounting.range);
      const cut = only === undefined ? undefined : cutForWaiting(hosted, only);
      if (cut !== undefined) return splitPointAt(store, mapId, accounting, cut);
      hosted.canister.onlyToken = only;
      throw error;
    }
  }

  async #record(canisterId: number): Promise<Revised<CanisterRecord>> {
    const stored = await this.parts.meta.get(canisterRecordKey(canisterId));
    if (stored === undefined) throw new BigMapError("CANISTER_NOT_FOUND", `Canister ${canisterId} has no record`);
    return { record: decodeCanisterRecord(stored.value), revision: stored.revision };
  }

  /** Resolves to the revision of the split. Rejects only when it is certain that the split did not happen. */
  async #commit(planned: PlannedSplit, parent: Revised<CanisterRecord>): Promise<number> {
    try {
      const { committed, revision } = await this.parts.meta.commit(planned.transaction);
      if (committed) return revision;
    } catch (error) {
      if (BigMapError.from(error).retry !== "outcome unknown") throw error;
      const revision = await this.#resolveUnknown(planned, parent);
      if (revision !== undefined) return revision;
    }
    throw new BigMapError("CANISTER_BUSY", `The record of canister ${parent.record.canisterId} was changed by another operation`);
  }

  /** Reads until the child is seen, or until a change of the parent's epoch has made the lost transaction impossible. */
  async #resolveUnknown(planned: PlannedSplit, parent: Revised<CanisterRecord>): Promise<number | undefined> {
    const { meta, clock } = this.parts;
    const parentKey = canisterRecordKey(parent.record.canisterId);
    for (;;) {
      try {
        const child = await meta.get(canisterRecordKey(planned.child.canisterId));
        if (child !== undefined) return child.revision;
        const bumped = encodeCanisterRecord({ ...parent.record, epoch: parent.record.epoch + 1 });
        const { committed } = await meta.commit({
          compares: [{ key: parentKey, revision: parent.revision }],
          puts: [{ key: parentKey, value: bumped }],
          deletes: [],
        });
        if (committed) return undefined;
      } catch (error) {
        // A store that failed for good answers nothing any more, and nothing can be written here either: the next start tells.
        if (["CLOSED", "STORAGE_FAILED"].includes(BigMapError.from(error).code)) throw error;
      }
      await sleep(clock, rereadDelayMs);
    }
  }

  /** Both halves take over in the step that writes both rows, which lie before every later update in the order of commits. */
  async #flip(hosted: HostedCanister, point: SplitPoint, planned: PlannedSplit, revision: number): Promise<void> {
    const { canister } = hosted;
    await Promise.all([this.parts.reached(revision), hosted.drained()]);
    const identity = { ...planned.child, capBytes: canister.capBytes };
    const child = new HostedCanister(new DataCanister(identity, point.right, canister.sequence), hosted.cacheSpace);
    await this.parts.pipeline.runStepNow((commit) => {
      canister.replaceAccounting(point.left, planned.parent.epoch);
      hosted.reportedBytes = 0;
      child.canister.become("serving");
      putCanisterRow(commit, hosted);
      putCanisterRow(commit, child);
      this.parts.adopt(child);
      this.#resume(hosted);
    });
  }
}

/** Where all entries sit on one token, a cut beside it still makes room for an update that waits on another one. */
function cutForWaiting(hosted: HostedCanister, only: Token): Token | undefined {
  for (const { execution, indexes } of hosted.parked) {
    for (const index of indexes) {
      const [high, low] = tokenAt(execution.batch, index);
      if (high !== only.high || low !== only.low) return compareTokens(only, { high, low }) > 0 ? only : { high, low };
    }
  }
  return undefined;
}
