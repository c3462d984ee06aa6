import { BigMapError } from "../../src/base/errors.js";
import type { CanisterId, MapId, ReplicaId } from "../../src/base/ids.js";
import type { CanisterHost, ClearResult, SplitRequest, SplitResult } from "../../src/canister/canister-host.js";
import type { Revised } from "../../src/meta/map-ring.js";
import type { MetaStore, MetaTransaction } from "../../src/meta/meta-store.js";
import { decodeCanisterRecord, encodeCanisterRecord } from "../../src/meta/record-codec.js";
import { canisterRecordKey } from "../../src/meta/record-keys.js";
import type { CanisterRecord } from "../../src/meta/records.js";
import { planSplit } from "../../src/meta/split-transaction.js";
import { equalTokens, rangeContains, type HashRange } from "../../src/ring/hash-range.js";
import { compareTokens, type Token } from "../../src/ring/token.js";
import type { CanisterStatus } from "../../src/ring/topology.js";

interface FakeEntry {
  readonly mapId: MapId;
  readonly token: Token;
  readonly bytes: number;
}

/** A replica without data: it knows tokens and sizes, keeps ranges, and splits by the rules of the meta store. */
export class FakeHost implements CanisterHost {
  readonly replicaId: ReplicaId;
  capBytes = 1_000;
  /** Canisters with updates waiting at the hard cap. */
  readonly waiting = new Set<CanisterId>();
  readonly deleted: CanisterId[] = [];
  readonly splitAttempts: CanisterId[] = [];
  /** Codes with which the next splits fail before they do anything. */
  readonly splitFailures: ("CANISTER_BUSY" | "STORAGE_FAILED")[] = [];
  /** Every split waits here, when frozen. */
  splitGate: () => Promise<void> = () => Promise.resolve();
  readonly #meta: MetaStore;
  readonly #open = new Map<CanisterId, Revised<CanisterRecord>>();
  readonly #frozen = new Set<CanisterId>();
  readonly #listeners = new Set<(canisterId: CanisterId) => void>();
  #entries: FakeEntry[] = [];

  constructor(meta: MetaStore, replicaId: ReplicaId = "r1") {
    this.#meta = meta;
    this.replicaId = replicaId;
  }

  /** Reports pressure as a replica does: when the soft cap is passed. */
  put(mapId: MapId, token: Token, bytes: number): void {
    this.#entries.push({ mapId, token, bytes });
    const owner = this.canisterStatuses().find((status) => status.mapId === mapId && rangeContains(status.range, token.high, token.low));
    if (owner !== undefined && owner.bytes >= 0.75 * owner.capBytes) this.press(owner.canisterId);
  }

  press(canisterId: CanisterId): void {
    for (const listener of this.#listeners) listener(canisterId);
  }

  removeEntries(): void {
    this.#entries = [];
  }

  canisterStatuses(): readonly CanisterStatus[] {
    return [...this.#open.keys()].map((canisterId) => this.canisterStatus(canisterId));
  }

  canisterStatus(canisterId: CanisterId): CanisterStatus {
    const { mapId, map, range, epoch } = this.#known(canisterId).record;
    const inside = this.#entriesIn(mapId, range);
    const bytes = inside.reduce((sum, entry) => sum + entry.bytes, 0);
    const state = this.#frozen.has(canisterId) ? "frozen" : "serving";
    const full = { capBytes: this.capBytes, unsplittable: false, writesWaiting: this.waiting.has(canisterId) };
    return { canisterId, mapId, map, range, epoch, replicaId: this.replicaId, state, entries: inside.length, bytes, sequence: 0, ...full };
  }

  async createCanister(canisterId: CanisterId): Promise<CanisterStatus> {
    const stored = await this.#meta.get(canisterRecordKey(canisterId));
    if (stored === undefined) throw notFound(canisterId);
    this.#open.set(canisterId, { record: decodeCanisterRecord(stored.value), revision: stored.revision });
    return this.canisterStatus(canisterId);
  }

  startCanister(canisterId: CanisterId): Promise<CanisterStatus> {
    return this.createCanister(canisterId);
  }

  async stopCanister(canisterId: CanisterId): Promise<CanisterStatus> {
    const status = this.canisterStatus(canisterId);
    return Promise.resolve(status);
  }

  async deleteCanister(canisterId: CanisterId): Promise<void> {
    const { mapId, range } = this.#known(canisterId).record;
    const stored = await this.#meta.get(canisterRecordKey(canisterId));
    if (stored !== undefined) throw new BigMapError("CANISTER_IN_USE", "Its record is there");
    const gone = new Set(this.#entriesIn(mapId, range));
    this.#entries = this.#entries.filter((entry) => !gone.has(entry));
    this.#open.delete(canisterId);
    this.deleted.push(canisterId);
  }

  async clearCanister(canisterId: CanisterId): Promise<ClearResult> {
    if (this.#frozen.has(canisterId)) throw new BigMapError("CANISTER_BUSY", "Frozen already");
    const { mapId, range } = this.#known(canisterId).record;
    const gone = new Set(this.#entriesIn(mapId, range));
    this.#entries = this.#entries.filter((entry) => !gone.has(entry));
    return Promise.resolve({ deletedEntries: gone.size, range });
  }

  async splitCanister(request: SplitRequest): Promise<SplitResult> {
    const { canisterId } = request;
    this.splitAttempts.push(canisterId);
    const parent = this.#known(canisterId);
    const failure = this.splitFailures.shift();
    if (failure !== undefined) throw new BigMapError(failure, "The split failed, as the test asked for");
    if (this.#frozen.has(canisterId)) throw new BigMapError("CANISTER_BUSY", "Frozen already");
    const cut = request.cut ?? this.#cutByBytes(parent.record);
    this.#frozen.add(canisterId);
    try {
      await this.splitGate();
      return await this.#commitSplit(parent, request.childId, cut);
    } finally {
      this.#frozen.delete(canisterId);
    }
  }

  onPressure(listener: (canisterId: CanisterId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get splitsUnderWay(): number {
    return this.#frozen.size;
  }

  async #commitSplit(parent: Revised<CanisterRecord>, childId: CanisterId, cut: Token): Promise<SplitResult> {
    const split = planSplit(parent, childId, cut, 0);
    const revision = (await this.#commit(split.transaction)) ?? (await this.#resolve(parent, childId));
    this.#open.set(split.parent.canisterId, { record: split.parent, revision });
    this.#open.set(childId, { record: split.child, revision });
    this.waiting.delete(split.parent.canisterId);
    return { cut, leftId: split.parent.canisterId, rightId: childId, revision };
  }

  /** Undefined: lost or unknown. */
  async #commit(transaction: MetaTransaction): Promise<number | undefined> {
    try {
      const { committed, revision } = await this.#meta.commit(transaction);
      return committed ? revision : undefined;
    } catch (error) {
      if (BigMapError.from(error).code === "OUTCOME_UNKNOWN") return undefined;
      throw error;
    }
  }

  /** The revision of the split, where it happened after all; otherwise wins another change of the parent, so that it never will. */
  async #resolve(parent: Revised<CanisterRecord>, childId: CanisterId): Promise<number> {
    const key = canisterRecordKey(parent.record.canisterId);
    for (let epoch = parent.record.epoch + 1; ; epoch++) {
      const child = await this.#meta.get(canisterRecordKey(childId));
      if (child !== undefined) return child.revision;
      const stored = await this.#meta.get(key);
      if (stored === undefined) throw notFound(parent.record.canisterId);
      const record = { ...decodeCanisterRecord(stored.value), epoch };
      const compares = [{ key, revision: stored.revision }];
      const revision = await this.#commit({ compares, puts: [{ key, value: encodeCanisterRecord(record) }], deletes: [] });
      if (revision === undefined) continue;
      this.#open.set(record.canisterId, { record, revision });
      throw new BigMapError("CANISTER_BUSY", "The split did not happen");
    }
  }

  /** The first entry's token, other than the very first, with half of the bytes before it. */
  #cutByBytes({ canisterId, mapId, range }: CanisterRecord): Token {
    const entries = this.#entriesIn(mapId, range).sort((left, right) => compareTokens(left.token, right.token));
    const half = entries.reduce((sum, entry) => sum + entry.bytes, 0) / 2;
    let before = 0;
    for (const [i, entry] of entries.entries()) {
      const previous = entries[i - 1];
      const laterTokens = entries.some(({ token }) => compareTokens(token, entry.token) > 0);
      if (previous !== undefined && !equalTokens(previous.token, entry.token) && (before >= half || !laterTokens)) return entry.token;
      before += entry.bytes;
    }
    throw new BigMapError("CANISTER_UNSPLITTABLE", `Canister ${canisterId} has no cut`);
  }

  #entriesIn(mapId: MapId, range: HashRange): FakeEntry[] {
    return this.#entries.filter((entry) => entry.mapId === mapId && rangeContains(range, entry.token.high, entry.token.low));
  }

  #known(canisterId: CanisterId): Revised<CanisterRecord> {
    const canister = this.#open.get(canisterId);
    if (canister === undefined) throw notFound(canisterId);
    return canister;
  }
}

function notFound(canisterId: CanisterId): BigMapError {
  return new BigMapError("CANISTER_NOT_FOUND", `There is no canister ${canisterId}`);
}
