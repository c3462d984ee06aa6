import { asBuffer } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { kindOf, operationKind, resultStatus } from "../base/operation-batch.js";
import {
  assertEntryValue,
  entryHeaderBytes,
  entryKeyPrefixBytes,
  versionOfEntryValue,
  writeEntryKeyPrefix,
} from "../storage/key-layout.js";
import type { StorageEngine } from "../storage/storage-engine.js";
import type { BatchExecution } from "./batch-execution.js";
import type { EntryCache } from "./entry-cache.js";
import type { HostedCanister } from "./hosted-canister.js";
import { tokenNumber, type PendingKeys } from "./pending-keys.js";
import type { WriteStamps } from "./write-stamps.js";

/** A batch of this size does not wait for the end of the turn: several threads read, and what is read is answered meanwhile. */
const batchTargetOperations = 64;

/** The queries of one turn that missed the cache: one multi-get for all of them. */
class ColdBatch {
  readonly executions: BatchExecution[] = [];
  readonly indexes: number[] = [];
  readonly canisters: HostedCanister[] = [];
  readonly spaces: number[] = [];
  readonly tokensHigh: number[] = [];
  readonly tokensLow: number[] = [];
  readonly stamps: number[] = [];
  readonly keys: Buffer[] = [];
  /** Batches that read some of the same tokens and began before. */
  readonly earlier = new Set<Promise<void>>();
  /** Resolves when this batch and the earlier ones are answered. */
  readonly done: Promise<void>;
  readonly finish: () => void;

  constructor() {
    let finish = (): void => undefined;
    this.done = new Promise((resolve) => (finish = resolve));
    this.finish = finish;
  }
}

/**
 * Answers queries from the storage engine, off the main thread, and keeps what they read in the cache. What was read is
 * kept only if no update of the key ended, or is under way, since the read began: else an old value could hide a newer one.
 */
export class ColdReads {
  #open: ColdBatch | undefined;
  /** Token numbers being read and the last batch that reads them. */
  readonly #reading = new Map<number, ColdBatch>();
  readonly #sent = new Set<ColdBatch>();
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

  add(execution: BatchExecution, index: number, hosted: HostedCanister, high: number, low: number): void {
    const batch = (this.#open ??= new ColdBatch());
    const { keys, keyOffsets } = execution.batch;
    const start = keyOffsets[index] as number;
    const end = keyOffsets[index + 1] as number;
    const stored = Buffer.allocUnsafe(entryKeyPrefixBytes + end - start);
    writeEntryKeyPrefix(stored, 0, hosted.canister.mapId, high, low);
    stored.set(keys.subarray(start, end), entryKeyPrefixBytes);
    batch.executions.push(execution);
    batch.indexes.push(index);
    batch.canisters.push(hosted);
    batch.spaces.push(hosted.cacheSpace);
    batch.tokensHigh.push(high);
    batch.tokensLow.push(low);
    batch.stamps.push(this.stamps.of(high));
    batch.keys.push(stored);
    this.#note(tokenNumber(high, low), batch);
    this.#underWay++;
    if (batch.keys.length >= batchTargetOperations) this.flush();
  }

  /** Resolves when the reads of this token that are under way have ended; undefined where there are none. */
  readsOf(high: number, low: number): Promise<void> | undefined {
    return this.#reading.size === 0 ? undefined : this.#reading.get(tokenNumber(high, low))?.done;
  }

  /** Batches may be answered in another order than they were sent, so the last one of a token stands for all before it. */
  #note(number: number, batch: ColdBatch): void {
    const earlier = this.#reading.get(number);
    if (earlier !== undefined && earlier !== batch) batch.earlier.add(earlier.done);
    this.#reading.set(number, batch);
  }

  /** Sends the reads gathered in this turn on their way. */
  flush(): void {
    const batch = this.#open;
    if (batch === undefined) return;
    this.#open = undefined;
    this.#sent.add(batch);
    this.engine.getMany(batch.keys).then(
      (values) => this.#answer(batch, values, undefined),
      (error: unknown) => this.#answer(batch, [], BigMapError.from(error)),
    );
  }

  #answer(batch: ColdBatch, values: readonly (Uint8Array | undefined)[], failure: BigMapError | undefined): void {
    for (let i = 0; i < batch.keys.length; i++) {
      const execution = batch.executions[i] as BatchExecution;
      if (failure === undefined) this.#answerOne(batch, i, values[i]);
      else execution.addError(batch.indexes[i] as number, failure);
    }
    this.#underWay -= batch.keys.length;
    for (const execution of batch.executions) execution.flush();
    if (batch.earlier.size === 0) this.#forget(batch);
    else void Promise.all(batch.earlier).then(() => this.#forget(batch));
  }

  #forget(batch: ColdBatch): void {
    for (let i = 0; i < batch.keys.length; i++) {
      const number = tokenNumber(batch.tokensHigh[i] as number, batch.tokensLow[i] as number);
      if (this.#reading.get(number) === batch) this.#reading.delete(number);
    }
    this.#sent.delete(batch);
    batch.finish();
  }

  /** Resolves when everything that was added until now is answered. */
  async settled(): Promise<void> {
    this.flush();
    await Promise.all(Array.from(this.#sent, ({ done }) => done));
  }

  #answerOne(batch: ColdBatch, i: number, stored: Uint8Array | undefined): void {
    const execution = batch.executions[i] as BatchExecution;
    const index = batch.indexes[i] as number;
    if (stored === undefined) {
      this.#keep(batch, i, 0, undefined);
      execution.add(index, resultStatus.notFound, 0);
      return;
    }
    try {
      assertEntryValue(stored);
    } catch (error) {
      execution.addError(index, BigMapError.from(error));
      return;
    }
    const version = versionOfEntryValue(asBuffer(stored));
    this.#keep(batch, i, version, stored);
    const wantsValue = kindOf(execution.batch.operations[index] as number) === operationKind.get;
    if (wantsValue) execution.addValue(index, version, stored, entryHeaderBytes, stored.length);
    else execution.add(index, resultStatus.found, version);
  }

  #keep(batch: ColdBatch, i: number, version: number, stored: Uint8Array | undefined): void {
    const high = batch.tokensHigh[i] as number;
    const low = batch.tokensLow[i] as number;
    const hosted = batch.canisters[i] as HostedCanister;
    const key = batch.keys[i] as Buffer;
    if (batch.stamps[i] !== this.stamps.of(high) || hosted.isClearing) return;
    if (this.pendingKeys.find(hosted.canister.mapId, high, low, key, entryKeyPrefixBytes, key.length) !== undefined) return;
    const space = batch.spaces[i] as number;
    if (stored === undefined) this.cache.set(space, high, low, 0, key, entryKeyPrefixBytes, key.length, key, 0, 0);
    else this.cache.set(space, high, low, version, key, entryKeyPrefixBytes, key.length, stored, entryHeaderBytes, stored.length);
  }
}
