import type { Random } from "../base/random.js";

const firstDelayMs = 5;
const longestDelayMs = 1_000;

/** Waiting times that double from try to try, each shortened by up to half at random so that clients do not march in step. */
export class Backoff {
  readonly #random: Random;
  #failures = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  nextDelayMs(): number {
    const fullMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(this.#failures, 16));
    this.#failures++;
    return fullMs * (0.5 + this.#random.unit() / 2);
  }

  reset(): void {
    this.#failures = 0;
  }
}
