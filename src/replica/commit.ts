import { copyBytes } from "../base/bytes.js";
import type { BigMapError } from "../base/errors.js";
import { DeltaRowWriter } from "../canister/accounting-rows.js";
import { resultStatus } from "../base/operation-batch.js";
import { deltaKey, entryHeaderBytes, entryKeyPrefixBytes, writeEntryHeader, writeEntryKeyPrefix } from "../storage/key-layout.js";
import type { WriteBatch } from "../storage/write-batch.js";
import type { AbsenceFilter } from "./absence-filter.js";
import type { BatchExecution } from "./batch-execution.js";
import type { EntryCache } from "./entry-cache.js";
import type { HostedCanister } from "./hosted-canister.js";
import type { PendingKey } from "./pending-keys.js";

/**
 * One write batch with one fsync, and the results that are answered after it, as columns. HOT.
 */
export class Commit {
  readonly executions: BatchExecution[] = [];
  readonly indexes: number[] = [];
  readonly statuses: number[] = [];
  readonly versions: number[] = [];
  readonly keys: PendingKey[] = [];
  readonly canisters: HostedCanister[] = [];
  /** For failed results the error; for gets the value's place; else undefined. */
  readonly details: (BigMapError | ValuePlace | undefined)[] = [];
  /** The canisters of which the commit has rows, and their totals once it is durable. */
  readonly touched: HostedCanister[] = [];
  /** Kept so that reading ahead has a result, and is not left out. */
  seen = 0;
  readonly #entries: number[] = [];
  readonly #bytes: number[] = [];
  readonly #sequences: number[] = [];

  /** `rows` is empty and is the commit's until it is written. */
  constructor(
    readonly number: number,
    readonly rows: WriteBatch,
    private readonly absence: AbsenceFilter,
  ) {}

  get hasRows(): boolean {
    return this.rows.count > 0;
  }

  /**
   * The only place where the row of an entry is made; from here on the absence filter has its key. Of several puts of a key in one commit
   * only the last can ever be read: it takes the row of the one before, where the values' sizes are the same. Call before `addResult`.
   */
  addPut(hosted: HostedCanister, key: PendingKey, version: number, values: Uint8Array, valueStart: number, valueEnd: number): void {
    const valueBytes = valueEnd - valueStart;
    if (key.writtenBy !== this.number || key.rowValueBytes !== valueBytes) this.#reserveRow(key, valueBytes);
    this.#writtenNow(key);
    const { memory } = this.rows;
    writeEntryHeader(memory, key.rowOffset, version, valueBytes);
    copyBytes(values, valueStart, valueEnd, memory, key.rowOffset + entryHeaderBytes);
    if (key.isNew) this.absence.add(key.mapId, key.signedHigh, key.signedLow);
    this.#touch(hosted);
  }

  /** Call before `addResult`. */
  addDelete(hosted: HostedCanister, key: PendingKey): void {
    const buffer = this.rows.reserveDelete(entryKeyPrefixBytes + key.keyEnd - key.keyStart);
    writeKey(buffer, this.rows.lastOffset, key);
    key.rowValueBytes = -1;
    this.#writtenNow(key);
    this.#touch(hosted);
  }

  /** Whether a later update of this commit wrote the key again: what result i wrote was never to be seen. */
  isSuperseded(i: number): boolean {
    const key = this.keys[i] as PendingKey;
    return key.writtenBy === this.number && key.writtenAs !== i;
  }

  /** Brings the records of the keys near, for those who write them next; see `EntryCache.peek`. */
  readAhead(cache: EntryCache): void {
    let sum = 0;
    for (let i = 0; i < this.keys.length; i++) {
      sum += cache.peek((this.canisters[i] as HostedCanister).cacheSpace, (this.keys[i] as PendingKey).tokenLow);
    }
    this.seen = sum;
  }

  #reserveRow(key: PendingKey, valueBytes: number): void {
    const keyBytes = entryKeyPrefixBytes + key.keyEnd - key.keyStart;
    const buffer = this.rows.reservePut(keyBytes, entryHeaderBytes + valueBytes);
    writeKey(buffer, this.rows.lastOffset, key);
    key.rowOffset = this.rows.lastOffset + keyBytes;
    key.rowValueBytes = valueBytes;
  }

  #writtenNow(key: PendingKey): void {
    key.writtenBy = this.number;
    key.writtenAs = this.keys.length;
  }

  #touch(hosted: HostedCanister): void {
    if (hosted.lastCommitNumber === this.number) return;
    hosted.lastCommitNumber = this.number;
    this.touched.push(hosted);
  }

  addResult(
    execution: BatchExecution,
    index: number,
    hosted: HostedCanister,
    key: PendingKey,
    status: number,
    version: number,
    detail: BigMapError | ValuePlace | undefined,
  ): void {
    this.executions.push(execution);
    this.indexes.push(index);
    this.canisters.push(hosted);
    this.keys.push(key);
    this.statuses.push(status);
    this.versions.push(version);
    this.details.push(detail);
  }

  /** Adds the one row that keeps the counts exact, and takes the totals. Call once, after all decisions. */
  seal(): void {
    if (this.touched.length === 0) return;
    const delta = new DeltaRowWriter();
    for (const hosted of this.touched) {
      const { canisterId, sequence, accounting } = hosted.canister;
      delta.add(canisterId, sequence, accounting);
      this.#entries.push(accounting.entries);
      this.#bytes.push(accounting.bytes);
      this.#sequences.push(sequence);
    }
    this.rows.put(deltaKey(this.number), delta.finish());
  }

  /** The commit is durable: what the canisters held when it was sealed is what they show. */
  markCommitted(): void {
    for (let i = 0; i < this.touched.length; i++) {
      const { canister } = this.touched[i] as HostedCanister;
      canister.markCommitted(this.#entries[i] as number, this.#bytes[i] as number, this.#sequences[i] as number);
    }
  }

  /** Moves result i into its execution's next part. */
  answer(i: number): BatchExecution {
    const execution = this.executions[i] as BatchExecution;
    const index = this.indexes[i] as number;
    const status = this.statuses[i] as number;
    const detail = this.details[i];
    if (detail === undefined) execution.add(index, status, this.versions[i] as number);
    else if (status === resultStatus.foundValue) {
      const place = detail as ValuePlace;
      execution.addValue(index, this.versions[i] as number, place.bytes, place.start, place.end);
    } else execution.addError(index, detail as BigMapError);
    return execution;
  }
}

function writeKey(buffer: Buffer, offset: number, { mapId, tokenHigh, tokenLow, keys, keyStart, keyEnd }: PendingKey): void {
  writeEntryKeyPrefix(buffer, offset, mapId, tokenHigh, tokenLow);
  copyBytes(keys, keyStart, keyEnd, buffer, offset + entryKeyPrefixBytes);
}

/** Where a value lies. */
export interface ValuePlace {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}
