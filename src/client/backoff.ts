import type { Random } from "../base/random.js";
import { backoffMs } from "../rpc/retry.js";

const firstDelayMs = 5;
const longestDelayMs = 1_000;

/** How long to wait before the next try of something that failed several times in a row. */
export class Backoff {
  readonly #random: Random;
  #failures = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  nextDelayMs(): number {
    return backoffMs(this.#random, ++this.#failures, firstDelayMs, longestDelayMs);
  }

  reset(): void {
    this.#failures = 0;
  }
}
