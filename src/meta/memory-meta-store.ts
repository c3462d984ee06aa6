import { BigMapError } from "../base/errors.js";
import type { MetaChange, MetaCommit, MetaRecord, MetaStore, MetaTransaction } from "./meta-store.js";
import { MetaTable } from "./meta-table.js";
import { WatchHub, type Defer } from "./watch-hub.js";

/**
 * What a test does to one commit. "lost": answers that a compare did not hold. "unavailable": fails before anything is
 * done. The others answer OUTCOME_UNKNOWN: applied, never applied, or applied (if its compares still hold) only after the
 * next commit.
 */
export type CommitFault = "lost" | "unavailable" | "unknown-applied" | "unknown-unapplied" | "unknown-late";

export interface MemoryMetaStoreOptions {
  /** The records; a store that is opened anew on the same table finds what the one before had. */
  readonly table?: MetaTable;
  /** Asked before every commit. */
  readonly commitFault?: (transaction: MetaTransaction) => CommitFault | undefined;
  /** When watchers hear of a change; at the end of the turn if not given. */
  readonly deferWatch?: Defer;
}

/** The in-memory twin of the MetaStore, with faults on demand. */
export class MemoryMetaStore implements MetaStore {
  readonly #table: MetaTable;
  readonly #hub: WatchHub;
  readonly #commitFault: (transaction: MetaTransaction) => CommitFault | undefined;
  #late: MetaTransaction[] = [];
  #closed = false;

  constructor(options: MemoryMetaStoreOptions = {}) {
    this.#table = options.table ?? new MetaTable();
    this.#hub = new WatchHub(this.#table, options.deferWatch);
    this.#commitFault = options.commitFault ?? (() => undefined);
  }

  async get(key: string): Promise<MetaRecord | undefined> {
    await this.#turn();
    return this.#table.get(key);
  }

  async list(prefix: string): Promise<{ readonly records: readonly MetaRecord[]; readonly revision: number }> {
    await this.#turn();
    return { records: this.#table.list(prefix), revision: this.#table.revision };
  }

  async commit(transaction: MetaTransaction): Promise<MetaCommit> {
    // The caller may reuse its byte arrays as soon as this call has returned.
    const own = { ...transaction, puts: transaction.puts.map(({ key, value }) => ({ key, value: Uint8Array.from(value) })) };
    await this.#turn();
    const fault = this.#commitFault(own);
    const late = this.#late;
    this.#late = [];
    try {
      return this.#commitWith(fault, own);
    } finally {
      for (const straggler of late) this.#apply(straggler);
    }
  }

  watch(prefix: string, afterRevision: number, onChange: (change: MetaChange) => void): () => void {
    this.#assertOpen();
    return this.#hub.watch(prefix, afterRevision, onChange);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#hub.close();
    return Promise.resolve();
  }

  #commitWith(fault: CommitFault | undefined, transaction: MetaTransaction): MetaCommit {
    if (fault === "lost") return { committed: false, revision: this.#table.revision };
    if (fault === "unavailable") throw new BigMapError("UNAVAILABLE", "The meta store cannot be reached");
    if (fault === "unknown-late") this.#late.push(transaction);
    if (fault === undefined || fault === "unknown-applied") {
      const committed = this.#apply(transaction);
      if (fault === undefined) return { committed, revision: this.#table.revision };
    }
    throw new BigMapError("OUTCOME_UNKNOWN", "The answer of the meta store was lost");
  }

  #apply(transaction: MetaTransaction): boolean {
    const change = this.#table.changeOf(transaction);
    if (!this.#table.holds(transaction.compares)) return false;
    if (change === undefined) return true;
    this.#table.apply(change);
    this.#hub.publish(change);
    return true;
  }

  async #turn(): Promise<void> {
    this.#assertOpen();
    await Promise.resolve();
    this.#assertOpen();
  }

  #assertOpen(): void {
    if (this.#closed) throw new BigMapError("CLOSED", "The meta store is closed");
  }
}
