import { BigMapError } from "../base/errors.js";
import type { CanisterId, MapId } from "../base/ids.js";
import { operationCondition } from "../base/operation-batch.js";
import type { HashRange } from "../ring/hash-range.js";
import type { Token } from "../ring/token.js";
import type { CanisterState } from "../ring/topology.js";
import type { Accounting } from "./accounting.js";

/** What `decidePut` and `decideDelete` answer when they do not answer with the update's number. */
export const refusal = { conditionFailed: -1, nothingToDelete: -2, full: -3 } as const;

/** Which states may follow which. */
const transitions: Readonly<Record<CanisterState, readonly CanisterState[]>> = {
  opening: ["serving", "stopped"],
  serving: ["frozen", "stopping"],
  frozen: ["serving", "stopping"],
  stopping: ["stopped"],
  stopped: ["serving"],
};

/**
 * The actor that owns one hash range of one map. Its updates are decided one at a time, in order, each with the next
 * number of its sequence; it counts every byte and never passes its cap. A pure state machine: it neither reads nor
 * writes the disk and has no network. HOT: `decidePut`, `decideDelete`.
 *
 * `accounting` and `sequence` count what is decided; `committedEntries` and `committedBytes` what is durable.
 */
export class DataCanister {
  // First what every update touches: of thousands of canisters each costs a miss in the processor's cache for every 64 B.
  accounting: Accounting;
  sequence: number;
  #state: CanisterState = "opening";
  /** Counts along while a finer histogram of the same range is being made; a split or a clear ends that. */
  finer: Accounting | undefined;
  readonly capBytes: number;
  readonly mapId: MapId;
  readonly canisterId: CanisterId;
  committedEntries: number;
  committedBytes: number;
  /** The number of the last durable update. */
  committedSequence: number;
  /** The last attempt to split found that all entries sit on this token; undefined: none did, or an entry came since. */
  onlyToken: Token | undefined;
  epoch: number;
  readonly map: string;

  constructor(
    identity: { canisterId: CanisterId; mapId: MapId; map: string; capBytes: number; epoch: number },
    accounting: Accounting,
    sequence: number,
  ) {
    this.canisterId = identity.canisterId;
    this.mapId = identity.mapId;
    this.map = identity.map;
    this.capBytes = identity.capBytes;
    this.epoch = identity.epoch;
    this.accounting = accounting;
    this.sequence = sequence;
    this.committedEntries = accounting.entries;
    this.committedBytes = accounting.bytes;
    this.committedSequence = sequence;
  }

  /** No cut leaves entries on both sides. */
  get unsplittable(): boolean {
    return this.onlyToken !== undefined;
  }

  get range(): HashRange {
    return this.accounting.range;
  }

  get state(): CanisterState {
    return this.#state;
  }

  /** Errors: CANISTER_BUSY where the step is not allowed now. */
  become(next: CanisterState): void {
    if (!transitions[this.#state].includes(next)) {
      throw new BigMapError("CANISTER_BUSY", `Canister ${this.canisterId} is ${this.#state} and cannot become ${next} now`);
    }
    this.#state = next;
  }

  /**
   * Decides a put. `priorVersion` 0 means that there is no entry; `priorBytes` and `entryBytes` are what the old and the new
   * entry count. Returns the update's number, which is the entry's new version, or a `refusal`.
   */
  decidePut(tokenHigh: number, condition: number, ifVersion: number, priorVersion: number, priorBytes: number, entryBytes: number): number {
    if (condition !== 0 && !conditionHolds(condition, ifVersion, priorVersion)) return refusal.conditionFailed;
    if (this.accounting.bytes + entryBytes - priorBytes > this.capBytes) return refusal.full;
    if (priorVersion === 0) this.onlyToken = undefined;
    this.#count(tokenHigh, priorVersion === 0 ? 1 : 0, entryBytes - priorBytes);
    return ++this.sequence;
  }

  /** Decides a delete. Returns the update's number or a `refusal`. */
  decideDelete(tokenHigh: number, condition: number, ifVersion: number, priorVersion: number, priorBytes: number): number {
    if (condition !== 0 && !conditionHolds(condition, ifVersion, priorVersion)) return refusal.conditionFailed;
    if (priorVersion === 0) return refusal.nothingToDelete;
    this.#count(tokenHigh, -1, -priorBytes);
    return ++this.sequence;
  }

  /** Takes back the last decision: the counterpart of `decidePut` and `decideDelete`, newest first. */
  undo(tokenHigh: number, entriesChange: number, bytesChange: number): void {
    this.#count(tokenHigh, -entriesChange, -bytesChange);
    this.sequence--;
  }

  #count(tokenHigh: number, entries: number, bytes: number): void {
    this.accounting.add(tokenHigh, entries, bytes);
    if (this.finer !== undefined) this.finer.add(tokenHigh, entries, bytes);
  }

  /** All that is decided is durable. */
  markCommitted(entries: number, bytes: number, sequence: number): void {
    this.committedEntries = entries;
    this.committedBytes = bytes;
    this.committedSequence = sequence;
  }

  /** After a split or a clear: what the canister holds now. All decided updates are durable. */
  replaceAccounting(accounting: Accounting, epoch: number): void {
    this.accounting = accounting;
    this.finer = undefined;
    this.epoch = epoch;
    this.onlyToken = undefined;
    this.markCommitted(accounting.entries, accounting.bytes, this.sequence);
  }
}

function conditionHolds(condition: number, ifVersion: number, priorVersion: number): boolean {
  if (condition === operationCondition.ifAbsent) return priorVersion === 0;
  return priorVersion !== 0 && priorVersion === ifVersion;
}
