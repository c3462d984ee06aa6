import type { FaultPoints } from "../base/fault-points.js";
import { encodeCanisterRow } from "../canister/accounting-rows.js";
import { canisterKey, deltaKey } from "../storage/key-layout.js";
import type { Commit } from "./commit.js";
import type { HostedCanister } from "./hosted-canister.js";
import type { UpdatePipeline } from "./update-pipeline.js";

/**
 * A checkpoint begins after as many commits as it has rows to write, within these bounds: with thousands of canisters it costs more than
 * its delta rows do; the next start reads those of the most commits in less than two seconds.
 */
const commitsBetweenFewest = 2_000;
const commitsBetweenMost = 8_000;
/** Canisters whose rows one step writes: encoding them must not hold up the loop (6 us each), and each step is a commit with an fsync. */
const canistersPerStep = 128;

/**
 * Folds the delta rows: writes a row for every canister that changed, some at a time, and then deletes the delta rows that
 * all of them have in them. A crash in between costs nothing: a delta row counts only for rows that are older.
 */
export class Checkpointer {
  /** Those of which `isDirty` is set. */
  #dirty: HostedCanister[] = [];
  #firstDelta: number;
  #running: Promise<void> | undefined;

  constructor(
    private readonly pipeline: UpdatePipeline,
    private readonly faults: FaultPoints,
    firstDelta: number,
  ) {
    this.#firstDelta = firstDelta;
  }

  /** A commit changed the canister. */
  note(hosted: HostedCanister): void {
    this.#mark(hosted);
    if (this.#running === undefined && this.pipeline.lastDurableNumber - this.#firstDelta >= this.#commitsBetween()) {
      this.#running = this.run().finally(() => (this.#running = undefined));
      this.#running.catch(() => undefined);
    }
  }

  #mark(hosted: HostedCanister): void {
    if (hosted.isDirty) return;
    hosted.isDirty = true;
    this.#dirty.push(hosted);
  }

  #commitsBetween(): number {
    return Math.min(commitsBetweenMost, Math.max(commitsBetweenFewest, this.#dirty.length));
  }

  /** Resolves when a checkpoint of everything that is committed now is durable. */
  async run(): Promise<void> {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const hosted of dirty) hosted.isDirty = false;
    // The canisters of a commit that is still under way are not among the dirty ones yet, so its delta row must stay.
    const lastDelta = this.pipeline.lastDurableNumber;
    this.faults.reach("checkpoint.before-write");
    try {
      for (let i = 0; i < dirty.length; i += canistersPerStep) {
        const some = dirty.slice(i, i + canistersPerStep);
        await this.pipeline.runStep((commit) => some.forEach((hosted) => putCanisterRow(commit, hosted)));
      }
    } catch (error) {
      // Their delta rows are still needed: the next checkpoint must not delete them without their own.
      for (const hosted of dirty) this.#mark(hosted);
      throw error;
    }
    await this.pipeline.runStep((commit) => {
      for (let number = this.#firstDelta; number <= lastDelta; number++) commit.rows.delete(deltaKey(number));
    });
    this.#firstDelta = lastDelta + 1;
    this.faults.reach("checkpoint.after-write");
  }

  /** Waits for a checkpoint under way, then makes a last one. */
  async finish(): Promise<void> {
    await this.#running?.catch(() => undefined);
    await this.run();
  }
}

/**
 * Adds the canister's row, as of this commit. The commit must have no updates of the canister beside it. Whoever changes
 * a canister other than by updates does so in the very step that writes its row: a checkpoint may write it just before.
 */
export function putCanisterRow(commit: Commit, hosted: HostedCanister): void {
  const { canisterId, mapId, sequence, accounting } = hosted.canister;
  commit.rows.put(
    canisterKey(canisterId),
    encodeCanisterRow({ mapId, clearing: hosted.isClearing, commitNumber: commit.number, sequence, accounting }),
  );
}
