import { copyBytes } from "../base/bytes.js";
import type { BigMapError } from "../base/errors.js";
import { entryKeyPrefixBytes, writeEntryKeyPrefix } from "../storage/key-layout.js";
import { PackedKeys } from "../storage/packed-keys.js";
import type { PackedValues } from "../storage/packed-values.js";
import type { ReadReceiver } from "../storage/storage-engine.js";
import type { BatchExecution } from "./batch-execution.js";
import type { HostedCanister } from "./hosted-canister.js";

/** Queries in one batch at most. */
export const coldBatchOperations = 64;

/** Who is told what a batch found: its values, or why there are none. */
export type ColdBatchAnswered = (batch: ColdBatch, values: PackedValues | undefined, failure: BigMapError | undefined) => void;

/** The queries of one multi-get, as columns; empty again and filled again, without an object for a query. HOT. */
export class ColdBatch implements ReadReceiver {
  count = 0;
  readonly executions = new Array<BatchExecution | undefined>(coldBatchOperations).fill(undefined);
  readonly canisters = new Array<HostedCanister | undefined>(coldBatchOperations).fill(undefined);
  readonly indexes = new Uint32Array(coldBatchOperations);
  readonly spaces = new Float64Array(coldBatchOperations);
  readonly tokensHigh = new Uint32Array(coldBatchOperations);
  readonly tokensLow = new Uint32Array(coldBatchOperations);
  /** Of the write stamps, when the query came. */
  readonly stamps = new Float64Array(coldBatchOperations);
  readonly keys = new PackedKeys(coldBatchOperations * 64);
  /** Where each query's key, without the prefix, lies in the memory of `keys`. */
  readonly keyStarts = new Uint32Array(coldBatchOperations);
  readonly keyEnds = new Uint32Array(coldBatchOperations);
  /** Wait for the answer. */
  #waiting: (() => void)[] = [];

  constructor(private readonly answered: ColdBatchAnswered) {}

  add(execution: BatchExecution, index: number, hosted: HostedCanister, high: number, low: number, stamp: number): void {
    const { keys, keyOffsets } = execution.batch;
    const start = keyOffsets[index] as number;
    const end = keyOffsets[index + 1] as number;
    const place = this.count++;
    const memory = this.keys.reserve(entryKeyPrefixBytes + end - start);
    const keyStart = this.keys.lastOffset + entryKeyPrefixBytes;
    writeEntryKeyPrefix(memory, this.keys.lastOffset, hosted.canister.mapId, high, low);
    copyBytes(keys, start, end, memory, keyStart);
    this.executions[place] = execution;
    this.canisters[place] = hosted;
    this.indexes[place] = index;
    this.spaces[place] = hosted.cacheSpace;
    this.tokensHigh[place] = high;
    this.tokensLow[place] = low;
    this.stamps[place] = stamp;
    this.keyStarts[place] = keyStart;
    this.keyEnds[place] = keyStart + end - start;
  }

  /** Whether a query of this token is among its own. */
  reads(high: number, low: number): boolean {
    for (let i = 0; i < this.count; i++) if (this.tokensLow[i] === low && this.tokensHigh[i] === high) return true;
    return false;
  }

  /** Resolves when its queries are answered. */
  untilAnswered(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  resolve(values: PackedValues): void {
    this.answered(this, values, undefined);
  }

  reject(error: BigMapError): void {
    this.answered(this, undefined, error);
  }

  /** Its queries are answered: it may be filled again. */
  clear(): void {
    this.executions.fill(undefined, 0, this.count);
    this.canisters.fill(undefined, 0, this.count);
    this.count = 0;
    this.keys.clear();
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
  }
}
