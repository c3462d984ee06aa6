import { assert } from "../base/errors.js";
import type { CanisterId, MapId } from "../base/ids.js";
import type { MetaStore } from "../meta/meta-store.js";
import { decodeAllocatorRecord, encodeAllocatorRecord } from "../meta/record-codec.js";
import { allocatorRecordKey } from "../meta/record-keys.js";
import type { AllocatorRecord } from "../meta/records.js";
import { commitAttemptsMax, commitOutcome, contended } from "./commit-outcome.js";

export interface AllocatedIds {
  /** The first of the `maps` numbers that were asked for; the others follow it. */
  readonly mapId: MapId;
  readonly canisterId: CanisterId;
}

const firstIds: AllocatorRecord = { nextMapId: 1, nextCanisterId: 1 };

/**
 * Gives out numbers of maps and canisters, each once for ever. A number is taken in a step of its own, before it is
 * used: whoever finds a record with that number then knows whose it is, even where the answer of a commit was lost. What
 * is taken and not used (a crash, a lost answer) stays a gap.
 */
export class IdAllocator {
  readonly #meta: MetaStore;
  /** Ends with the last allocation: those of one router wait for each other rather than compete. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(meta: MetaStore) {
    this.#meta = meta;
  }

  /** Errors: those of the meta store. */
  allocate(maps: number, canisters: number): Promise<AllocatedIds> {
    const ids = this.#last.then(() => this.#allocateNext(maps, canisters));
    this.#last = ids.catch(() => undefined);
    return ids;
  }

  async #allocateNext(maps: number, canisters: number): Promise<AllocatedIds> {
    for (let attempt = 0; attempt < commitAttemptsMax; attempt++) {
      const stored = await this.#meta.get(allocatorRecordKey);
      const { nextMapId, nextCanisterId } = stored === undefined ? firstIds : decodeAllocatorRecord(stored.value);
      const next = { nextMapId: nextMapId + maps, nextCanisterId: nextCanisterId + canisters };
      assert(next.nextMapId < 2 ** 32 && next.nextCanisterId < 2 ** 48, "map numbers are u32, canister numbers u48");
      const compares = [{ key: allocatorRecordKey, revision: stored?.revision ?? 0 }];
      const puts = [{ key: allocatorRecordKey, value: encodeAllocatorRecord(next) }];
      const { kind } = await commitOutcome(this.#meta, { compares, puts, deletes: [] });
      if (kind === "committed") return { mapId: nextMapId, canisterId: nextCanisterId };
    }
    throw contended("Taking new numbers");
  }
}
