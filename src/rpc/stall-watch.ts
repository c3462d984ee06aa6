import type { CancelTimer, Clock } from "../base/clock.js";
import { limits } from "../base/limits.js";

/** What was written, and waits for its reader: a pipe, a message of a stream, a unary answer. */
export interface Flow {
  /** Whether its reader took something since this was asked last. */
  tookSome(): boolean;
  /** Ends it at once, and lets go of what was written. */
  cutOff(): void;
}

/**
 * Cuts off the flows of a server of which nothing is taken for `streamStallMostMs`, or up to twice as long. One timer at a time, however
 * many flows there are and however often they come and go. HOT: `add`, `remove`.
 */
export class StallWatch {
  readonly #clock: Clock;
  /** Whether a flow has been there since the last look. */
  readonly #flows = new Map<Flow, boolean>();
  #cancelTimer: CancelTimer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something of it is on its way from now on. */
  add(flow: Flow): void {
    this.#flows.set(flow, this.#cancelTimer === undefined);
    if (this.#cancelTimer !== undefined) return;
    flow.tookSome();
    this.#lookLater();
  }

  /** All of it was taken, or it has ended. */
  remove(flow: Flow): void {
    this.#flows.delete(flow);
  }

  #lookLater(): void {
    this.#cancelTimer = this.#clock.setTimer(limits.streamStallMostMs, () => this.#look());
  }

  #look(): void {
    this.#cancelTimer = undefined;
    for (const [flow, wasThere] of this.#flows) {
      const tookSome = flow.tookSome();
      if (tookSome || !wasThere) this.#flows.set(flow, true);
      else {
        this.#flows.delete(flow);
        flow.cutOff();
      }
    }
    if (this.#flows.size > 0) this.#lookLater();
  }
}
