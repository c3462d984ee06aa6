import { BigMapError } from "../base/errors.js";
import { kindOf, operationKind, resultStatus } from "../base/operation-batch.js";
import { assertEntryHeader, entryHeaderBytes, versionOfEntryValue } from "../storage/key-layout.js";
import { wholeValues, type PackedValues } from "../storage/packed-values.js";
import type { StorageEngine } from "../storage/storage-engine.js";
import type { BatchExecution } from "./batch-execution.js";
import { ColdBatch, coldBatchOperations } from "./cold-batch.js";
import type { EntryCache } from "./entry-cache.js";
import type { HostedCanister } from "./hosted-canister.js";
import type { PendingKeys } from "./pending-keys.js";
import type { WriteStamps } from "./write-stamps.js";

/** Batches that are kept to be filled again. */
const sparesMost = 32;
/** The reads under way are counted for each of so many parts of the token space: most updates learn there that none is of their key. */
const partBits = 14;

/**
 * Answers queries from the storage engine, off the main thread, and keeps what they read in the cache. What was read is
 * kept only if no update of the key ended, or is under way, since the read began: else an old value could hide a newer one. HOT.
 */
export class ColdReads {
  #open: ColdBatch | undefined;
  readonly #sent = new Set<ColdBatch>();
  readonly #spares: ColdBatch[] = [];
  readonly #readsOfPart = new Uint32Array(1 << partBits);
  #underWay = 0;

  constructor(
    private readonly engine: StorageEngine,
    private readonly cache: EntryCache,
    private readonly pendingKeys: PendingKeys,
    private readonly stamps: WriteStamps,
  ) {}

  /** Operations that are being read. */
  get size(): number {
    return this.#underWay;
  }

  /** No read is under way. */
  get isIdle(): boolean {
    return this.#sent.size === 0;
  }

  /**
   * Reads for a query. A full batch does not wait for the end of the turn: several threads read, and what is read is answered
   * meanwhile.
   */
  add(execution: BatchExecution, index: number, hosted: HostedCanister, high: number, low: number): void {
    const batch = (this.#open ??= this.#spares.pop() ?? this.#newBatch());
    batch.add(execution, index, hosted, high, low, this.stamps.of(high));
    const part = partOf(high);
    this.#readsOfPart[part] = (this.#readsOfPart[part] as number) + 1;
    this.#underWay++;
    if (batch.count === coldBatchOperations) this.flush();
  }

  /** Resolves when the reads of this token that are under way have ended; undefined where there are none. */
  readsOf(high: number, low: number): Promise<unknown> | undefined {
    if (this.#readsOfPart[partOf(high)] === 0) return undefined;
    const batches = [...this.#sent];
    if (this.#open !== undefined) batches.push(this.#open);
    const reading = batches.filter((batch) => batch.reads(high, low));
    return reading.length === 0 ? undefined : Promise.all(reading.map((batch) => batch.untilAnswered()));
  }

  /** Sends the reads gathered in this turn on their way. */
  flush(): void {
    const batch = this.#open;
    if (batch === undefined) return;
    this.#open = undefined;
    this.#sent.add(batch);
    this.engine.readMany(batch.keys, wholeValues, batch);
  }

  /** Resolves when everything that was added until now is answered. */
  async settled(): Promise<void> {
    this.flush();
    await Promise.all(Array.from(this.#sent, (batch) => batch.untilAnswered()));
  }

  #newBatch(): ColdBatch {
    return new ColdBatch((batch, values, failure) => this.#answer(batch, values, failure));
  }

  #answer(batch: ColdBatch, values: PackedValues | undefined, failure: BigMapError | undefined): void {
    for (let i = 0; i < batch.count; i++) {
      const execution = batch.executions[i] as BatchExecution;
      const part = partOf(batch.tokensHigh[i] as number);
      this.#readsOfPart[part] = (this.#readsOfPart[part] as number) - 1;
      if (values?.next() === true) this.#answerOne(batch, i, execution, values);
      else execution.addError(batch.indexes[i] as number, failure as BigMapError);
    }
    this.#underWay -= batch.count;
    for (let i = 0; i < batch.count; i++) (batch.executions[i] as BatchExecution).flush();
    this.#sent.delete(batch);
    batch.clear();
    if (this.#spares.length < sparesMost) this.#spares.push(batch);
  }

  #answerOne(batch: ColdBatch, i: number, execution: BatchExecution, found: PackedValues): void {
    const index = batch.indexes[i] as number;
    const { bytes, start, end } = found;
    if (found.isAbsent) {
      this.#keep(batch, i, 0, bytes, 0, 0);
      execution.add(index, resultStatus.notFound, 0);
      return;
    }
    try {
      assertEntryHeader(bytes, start, end - start);
    } catch (error) {
      execution.addError(index, BigMapError.from(error));
      return;
    }
    const version = versionOfEntryValue(bytes, start);
    this.#keep(batch, i, version, bytes, start + entryHeaderBytes, end);
    const wantsValue = kindOf(execution.batch.operations[index] as number) === operationKind.get;
    if (wantsValue) execution.addValue(index, version, bytes, start + entryHeaderBytes, end);
    else execution.add(index, resultStatus.found, version);
  }

  /** `version` 0: that there is no entry. */
  #keep(batch: ColdBatch, i: number, version: number, bytes: Uint8Array, valueStart: number, valueEnd: number): void {
    const high = batch.tokensHigh[i] as number;
    const low = batch.tokensLow[i] as number;
    const hosted = batch.canisters[i] as HostedCanister;
    if (batch.stamps[i] !== this.stamps.of(high) || hosted.isClearing) return;
    const keys = batch.keys.memory;
    const start = batch.keyStarts[i] as number;
    const end = batch.keyEnds[i] as number;
    if (this.pendingKeys.find(hosted.canister.mapId, high, low, keys, start, end) !== undefined) return;
    this.cache.set(batch.spaces[i] as number, high, low, version, keys, start, end, bytes, valueStart, valueEnd);
  }
}

function partOf(tokenHigh: number): number {
  return tokenHigh >>> (32 - partBits);
}
