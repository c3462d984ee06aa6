const buckets = 1 << 16;

/**
 * Counts, for each of 65,536 parts of the token space, the updates that became durable. A reader that saw the same count
 * before and after knows that no update of its key ended in between (a change of another key of the same part only makes
 * it careful).
 */
export class WriteStamps {
  readonly #counts = new Uint32Array(buckets);
  /** Added to every count: one step for all parts at once. */
  #all = 0;

  of(tokenHigh: number): number {
    return (this.#counts[tokenHigh >>> 16] as number) + this.#all;
  }

  bump(tokenHigh: number): void {
    const bucket = tokenHigh >>> 16;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
  }

  bumpAll(): void {
    this.#all += 2 ** 32;
  }
}
