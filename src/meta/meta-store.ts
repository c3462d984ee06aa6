/**
 * The port to the few records on which everyone must agree: maps, canisters, replicas. Keys are ASCII text, values bytes;
 * every change has a revision. `memory-meta-store.ts`, `embedded-meta-store.ts` (and etcd) pass the same suite
 * (`test/meta/conformance.ts`). Kept narrow, so that the records can themselves move into canisters one day.
 */
export interface MetaRecord {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision of the transaction that wrote the record. */
  readonly revision: number;
}

export interface MetaTransaction {
  /** The transaction applies only if each of these records has this revision; 0 means: is absent. */
  readonly compares: readonly { readonly key: string; readonly revision: number }[];
  readonly puts: readonly { readonly key: string; readonly value: Uint8Array }[];
  readonly deletes: readonly string[];
}

export interface MetaCommit {
  /** False: a compare did not hold and nothing was changed. */
  readonly committed: boolean;
  /** The store's revision after the transaction. */
  readonly revision: number;
}

/** All changes of one revision under the watched prefix. */
export interface MetaChange {
  readonly revision: number;
  readonly puts: readonly MetaRecord[];
  /** Keys of the records that are gone. */
  readonly deletes: readonly string[];
  /**
   * True: single changes since `afterRevision` are no longer known. `puts` are then all records under the prefix as of
   * `revision`, and every other one that the watcher knows is gone.
   */
  readonly reset: boolean;
}

/**
 * Errors: STORAGE_FAILED, DISK_FULL, UNAVAILABLE, CLOSED; OUTCOME_UNKNOWN from `commit` only, to be resolved by a fresh
 * read. Byte arrays handed in may be reused when the call has returned; those handed out are shared and must not be changed.
 */
export interface MetaStore {
  /** Linearizable. */
  get(key: string): Promise<MetaRecord | undefined>;
  /** All records whose key begins with `prefix`, in key order, as of one revision. Linearizable. */
  list(prefix: string): Promise<{ readonly records: readonly MetaRecord[]; readonly revision: number }>;
  /**
   * One atomic, durable step. A transaction that changes nothing (its deletes are absent already) makes no new revision.
   * Errors: INVALID_ARGUMENT where a key is empty or is written twice.
   */
  commit(transaction: MetaTransaction): Promise<MetaCommit>;
  /**
   * Calls `onChange` for every revision after `afterRevision` that touches the prefix, in order and each once, never
   * from inside `watch` or `commit` itself; begins with one `reset` where those revisions are no longer known. `onChange`
   * must not throw. Returns a function that ends the watch. A watch is a hint: safety rests on compares.
   */
  watch(prefix: string, afterRevision: number, onChange: (change: MetaChange) => void): () => void;
  close(): Promise<void>;
}
