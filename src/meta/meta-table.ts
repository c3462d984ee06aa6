import { BigMapError } from "../base/errors.js";
import type { MetaChange, MetaRecord, MetaTransaction } from "./meta-store.js";

/** The records of a meta store in main memory, in key order, and what a transaction would do to them. */
export class MetaTable {
  #revision = 0;
  readonly #records = new Map<string, MetaRecord>();
  /** Sorted. */
  readonly #keys: string[] = [];

  get revision(): number {
    return this.#revision;
  }

  get(key: string): MetaRecord | undefined {
    return this.#records.get(key);
  }

  /** In key order. */
  list(prefix: string): MetaRecord[] {
    const records: MetaRecord[] = [];
    for (let i = this.#placeOf(prefix); i < this.#keys.length; i++) {
      const key = this.#keys[i] as string;
      if (!key.startsWith(prefix)) break;
      records.push(this.#records.get(key) as MetaRecord);
    }
    return records;
  }

  holds(compares: MetaTransaction["compares"]): boolean {
    return compares.every(({ key, revision }) => (this.#records.get(key)?.revision ?? 0) === revision);
  }

  /**
   * The change that the transaction's puts and deletes make to the present state, with copies of the values; undefined
   * where they change nothing. Errors: INVALID_ARGUMENT where a key is empty or is written twice.
   */
  changeOf(transaction: MetaTransaction): MetaChange | undefined {
    assertDistinctKeys(transaction);
    const revision = this.#revision + 1;
    const puts = transaction.puts.map(({ key, value }) => ({ key, value: Uint8Array.from(value), revision }));
    const deletes = transaction.deletes.filter((key) => this.#records.has(key));
    return puts.length + deletes.length === 0 ? undefined : { revision, puts, deletes, reset: false };
  }

  apply(change: MetaChange): void {
    for (const record of change.puts) this.restore(record);
    for (const key of change.deletes) {
      if (this.#records.delete(key)) this.#keys.splice(this.#placeOf(key), 1);
    }
    this.#revision = change.revision;
  }

  /** Puts a record that was stored before, without a new revision. */
  restore(record: MetaRecord): void {
    if (!this.#records.has(record.key)) this.#keys.splice(this.#placeOf(record.key), 0, record.key);
    this.#records.set(record.key, record);
  }

  restoreRevision(revision: number): void {
    this.#revision = revision;
  }

  /** Place of the first key that is not before `key`. */
  #placeOf(key: string): number {
    let left = 0;
    let right = this.#keys.length;
    while (left < right) {
      const middle = (left + right) >>> 1;
      if ((this.#keys[middle] as string) < key) left = middle + 1;
      else right = middle;
    }
    return left;
  }
}

function assertDistinctKeys(transaction: MetaTransaction): void {
  const seen = new Set<string>();
  for (const key of [...transaction.puts.map((put) => put.key), ...transaction.deletes]) {
    if (key === "") throw new BigMapError("INVALID_ARGUMENT", "A meta record has an empty key");
    if (seen.has(key)) throw new BigMapError("INVALID_ARGUMENT", `A transaction writes the meta record ${key} twice`);
    seen.add(key);
  }
}
