import { BigMapError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import { Accounting } from "../canister/accounting.js";
import { visitAmounts } from "../canister/split-point.js";
import { entryKeyRange } from "../storage/key-layout.js";
import type { SnapshotReader, StorageEngine } from "../storage/storage-engine.js";
import { putCanisterRow } from "./checkpointer.js";
import type { HostedCanister } from "./hosted-canister.js";
import type { UpdatePipeline } from "./update-pipeline.js";

export interface HistogramRefinerParts {
  readonly engine: StorageEngine;
  readonly pipeline: UpdatePipeline;
  readonly logger: Logger;
  readonly release: (hosted: HostedCanister) => void;
  /** Whether the canister is still this one. */
  readonly isHosted: (hosted: HostedCanister) => boolean;
}

/**
 * Every split halves the cells of a canister's histogram; after some generations no border between cells is near the half of the
 * bytes. Then the entries are counted anew, in the background, into a fresh histogram: updates wait only for as long as it
 * takes to open a snapshot, and from then on are counted in both. One canister at a time. That the fresh counts must equal
 * the old ones is checked: a difference is a defect, is logged, and leaves the old ones in force.
 */
export class HistogramRefiner {
  readonly #queue = new Set<HostedCanister>();
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(private readonly parts: HistogramRefinerParts) {}

  /** Looks at a canister whose range has changed. */
  note(hosted: HostedCanister): void {
    if (this.#isStopped || !hosted.canister.accounting.isCoarse) return;
    this.#queue.add(hosted);
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#queue.clear();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (const hosted of this.#queue) {
      this.#queue.delete(hosted);
      try {
        await this.#refine(hosted);
      } catch (error) {
        if (this.#isStopped) return;
        this.parts.logger.warn({ err: error, canisterId: hosted.canister.canisterId }, "A histogram was not refined");
      }
    }
  }

  async #refine(hosted: HostedCanister): Promise<void> {
    const { canister } = hosted;
    if (canister.state !== "serving") return;
    const finer = new Accounting(canister.range);
    const reader = await this.#snapshot(hosted, finer);
    await visitAmounts(reader, (token, bytes) => {
      if (this.#isStopped) throw new BigMapError("SHUTTING_DOWN", "The replica is stopping");
      finer.addToCell(finer.cellOfToken(token), 1, bytes);
    });
    await this.parts.pipeline.runStep((commit) => {
      if (canister.finer !== finer || !this.parts.isHosted(hosted)) return;
      canister.finer = undefined;
      if (!this.#isSame(hosted, finer)) return;
      finer.takeChanges(() => undefined);
      canister.accounting = finer;
      putCanisterRow(commit, hosted);
    });
  }

  /** A reader, and the moment from which `finer` counts along, with nothing in between. */
  async #snapshot(hosted: HostedCanister, finer: Accounting): Promise<SnapshotReader> {
    const { canister } = hosted;
    canister.become("frozen");
    try {
      await hosted.drained();
      const reader = this.parts.engine.openReader(entryKeyRange(canister.mapId, canister.range));
      canister.finer = finer;
      return reader;
    } finally {
      canister.become("serving");
      this.parts.release(hosted);
    }
  }

  #isSame(hosted: HostedCanister, finer: Accounting): boolean {
    const { canisterId, accounting } = hosted.canister;
    if (finer.entries === accounting.entries && finer.bytes === accounting.bytes) return true;
    const counted = { entries: finer.entries, bytes: finer.bytes };
    const kept = { entries: accounting.entries, bytes: accounting.bytes };
    this.parts.logger.error({ canisterId, counted, kept }, "A recount differs from the counts that were kept; this is a defect");
    return false;
  }
}
