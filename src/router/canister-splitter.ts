import { BigMapError } from "../base/errors.js";
import type { CanisterId } from "../base/ids.js";
import type { RecordView } from "../meta/record-view.js";
import type { CanisterSplit } from "../ring/topology.js";
import type { Token } from "../ring/token.js";
import type { IdAllocator } from "./id-allocator.js";
import type { ReplicaHosts } from "./replica-hosts.js";
import type { SplitOperator } from "./split-planner.js";

/** Splits canisters, whoever asked for it: several at once, but one at a time of each canister. */
export class CanisterSplitter {
  readonly #view: RecordView;
  readonly #allocator: IdAllocator;
  readonly #hosts: ReplicaHosts;
  readonly #underWay = new Map<CanisterId, SplitOperator>();
  readonly #calls = new Set<Promise<CanisterSplit>>();

  constructor(view: RecordView, allocator: IdAllocator, hosts: ReplicaHosts) {
    this.#view = view;
    this.#allocator = allocator;
    this.#hosts = hosts;
  }

  get underWay(): readonly SplitOperator[] {
    return [...this.#underWay.values()];
  }

  /**
   * Cuts at `cut`, or where the bytes halve. When it resolves the view has the new ring.
   * Errors: CANISTER_NOT_FOUND, CANISTER_BUSY, CANISTER_UNSPLITTABLE, INVALID_ARGUMENT (the cut).
   */
  split(canisterId: CanisterId, cut: Token | undefined): Promise<CanisterSplit> {
    const call = this.#split(canisterId, cut).finally(() => this.#calls.delete(call));
    this.#calls.add(call);
    return call;
  }

  /** Resolves when the splits that were asked for so far have ended, well or not. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#calls);
  }

  async #split(canisterId: CanisterId, cut: Token | undefined): Promise<CanisterSplit> {
    const record = (await this.#view.refresh()).canister(canisterId)?.record;
    if (record === undefined) throw new BigMapError("CANISTER_NOT_FOUND", `There is no canister ${canisterId}`);
    if (this.#underWay.has(canisterId)) throw new BigMapError("CANISTER_BUSY", `Canister ${canisterId} is being split already`);
    const host = this.#hosts.host(record.replicaId);
    this.#underWay.set(canisterId, { kind: "split", canisterId, replicaId: record.replicaId });
    try {
      const { canisterId: childId } = await this.#allocator.allocate(0, 1);
      const split = await host.splitCanister({ canisterId, childId, cut });
      await this.#view.reached(split.revision);
      return { leftId: split.leftId, rightId: split.rightId, cut: split.cut, ringVersion: split.revision };
    } finally {
      this.#underWay.delete(canisterId);
    }
  }
}
