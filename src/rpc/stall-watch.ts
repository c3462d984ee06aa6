import type { CancelTimer, Clock } from "../base/clock.js";
import { limits } from "../base/limits.js";

/**
 * Calls `onStall` where something is on its way and nothing of it was taken for `streamStallMostMs`, or up to twice as long. One timer at a
 * time, however much is written. HOT.
 */
export class StallWatch {
  readonly #clock: Clock;
  readonly #onStall: () => void;
  #onTheirWay = 0;
  #tookSome = false;
  #cancelTimer: CancelTimer | undefined;

  constructor(clock: Clock, onStall: () => void) {
    this.#clock = clock;
    this.#onStall = onStall;
  }

  wrote(): void {
    this.#onTheirWay++;
    if (this.#cancelTimer === undefined) this.#lookLater();
  }

  took(): void {
    this.#onTheirWay--;
    this.#tookSome = true;
  }

  stop(): void {
    this.#cancelTimer?.();
  }

  #lookLater(): void {
    this.#tookSome = false;
    this.#cancelTimer = this.#clock.setTimer(limits.streamStallMostMs, () => {
      this.#cancelTimer = undefined;
      if (this.#onTheirWay === 0) return;
      if (this.#tookSome) this.#lookLater();
      else this.#onStall();
    });
  }
}
