import { copyBytes } from "../base/bytes.js";
import type { BigMapError } from "../base/errors.js";
import { DeltaRowWriter } from "../canister/accounting-rows.js";
import { resultStatus } from "../base/operation-batch.js";
import { deltaKey, entryHeaderBytes, entryKeyPrefixBytes, writeEntryHeader, writeEntryKeyPrefix } from "../storage/key-layout.js";
import type { WriteBatch } from "../storage/write-batch.js";
import type { AbsenceFilter } from "./absence-filter.js";
import type { BatchExecution } from "./batch-execution.js";
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

  /** The only place where the row of an entry is made; from here on the absence filter has its key. */
  addPut(hosted: HostedCanister, key: PendingKey, version: number, values: Uint8Array, valueStart: number, valueEnd: number): void {
    const keyBytes = key.keyEnd - key.keyStart;
    const buffer = this.rows.reservePut(entryKeyPrefixBytes + keyBytes, entryHeaderBytes + valueEnd - valueStart);
    let offset = this.rows.lastOffset;
    writeEntryKeyPrefix(buffer, offset, key.mapId, key.tokenHigh, key.tokenLow);
    offset += entryKeyPrefixBytes;
    copyBytes(key.keys, key.keyStart, key.keyEnd, buffer, offset);
    offset += keyBytes;
    writeEntryHeader(buffer, offset, version, valueEnd - valueStart);
    copyBytes(values, valueStart, valueEnd, buffer, offset + entryHeaderBytes);
    if (key.isNew) this.absence.add(key.mapId, key.signedHigh, key.signedLow);
    this.#touch(hosted);
  }

  addDelete(hosted: HostedCanister, key: PendingKey): void {
    const buffer = this.rows.reserveDelete(entryKeyPrefixBytes + key.keyEnd - key.keyStart);
    const offset = this.rows.lastOffset;
    writeEntryKeyPrefix(buffer, offset, key.mapId, key.tokenHigh, key.tokenLow);
    copyBytes(key.keys, key.keyStart, key.keyEnd, buffer, offset + entryKeyPrefixBytes);
    this.#touch(hosted);
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

/** Where a value lies. */
export interface ValuePlace {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}
