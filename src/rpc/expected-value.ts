/** How soon an expectation follows the values that come. */
export interface LearningPace {
  /** So many larger values than were expected change it wholly, */
  readonly upValues: number;
  /** or so many smaller ones. */
  readonly downValues: number;
  /** But what is learned at once takes away no more than this part of it. */
  readonly downMost: number;
  /** So many times at first smaller ones take this part away, however few they are: nothing else is known. 0 by default. */
  readonly firstParts?: number;
}

/**
 * What the next value will take, by those that came before: quickly more where values are larger than expected, as too many of them would
 * be under way; slowly less where they are smaller, as a few missing keys say little of the next values. HOT.
 */
export class ExpectedValue {
  /** Whole, so that sums come out even. */
  bytes: number;
  /** Whether any values came. */
  hasLearned = false;
  readonly #pace: LearningPace;
  #firstParts: number;

  /** `bytes`: before any value came. Larger ones are believed at once then. */
  constructor(bytes: number, pace: LearningPace) {
    this.bytes = bytes;
    this.#pace = pace;
    this.#firstParts = pace.firstParts ?? 0;
  }

  /** `values` came, with `valueBytes` together; those that are missing are values of 0 bytes. */
  learn(valueBytes: number, values: number): void {
    if (values === 0) return;
    const { upValues, downValues, downMost } = this.#pace;
    const difference = valueBytes / values - this.bytes;
    const downShare = this.#firstParts > 0 ? downMost : Math.min(downMost, values / downValues);
    if (this.#firstParts > 0) this.#firstParts--;
    const share = difference <= 0 ? downShare : this.hasLearned ? Math.min(1, values / upValues) : 1;
    this.bytes += Math.round(difference * share);
    this.hasLearned = true;
  }
}
