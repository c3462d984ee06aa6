import type { OperationBatch } from "../base/operation-batch.js";
import { tokenHigh, tokenLow } from "../ring/token.js";
import type { EntryCache } from "./entry-cache.js";
import type { HostedCanister } from "./hosted-canister.js";
import type { MapRoutes } from "./map-routes.js";

/**
 * The tokens of all operations of a batch, worked out before the first of them is carried out, so that the canisters they fall into
 * can be read ahead. Used again for batch after batch. HOT.
 */
export class BatchTokens {
  high = new Uint32Array(0);
  low = new Uint32Array(0);
  /** Kept so that reading ahead has a result, and is not left out. */
  seen = 0;

  fill(batch: OperationBatch): void {
    const { count, keys, keyOffsets } = batch;
    if (this.high.length < count) {
      this.high = new Uint32Array(count * 2);
      this.low = new Uint32Array(count * 2);
    }
    const { high, low } = this;
    for (let i = 0; i < count; i++) {
      const start = keyOffsets[i] as number;
      const end = keyOffsets[i + 1] as number;
      high[i] = tokenHigh(keys, start, end);
      low[i] = tokenLow(keys, start, end);
    }
  }

  /**
   * Reads a number of each operation's canister and of its record in the cache. One of thousands is in no processor cache; in a loop
   * as short as this the processor waits for the memory of several operations at once, where carrying them out one by one it would wait
   * for each.
   */
  readAhead(count: number, { ring, canisters }: MapRoutes, cache: EntryCache): void {
    const { high, low } = this;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const hosted = canisters[ring.indexOf(high[i] as number, low[i] as number)];
      if (hosted !== undefined) sum += seenOf(hosted) + cache.peek(hosted.cacheSpace, low[i] as number);
    }
    this.seen = sum;
  }
}

function seenOf(hosted: HostedCanister): number {
  return hosted.cacheSpace + hosted.canister.sequence;
}
