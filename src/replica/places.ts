import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";

interface Waiting {
  readonly enter: () => void;
}

export interface PlacesOptions {
  readonly clock: Clock;
  /** What is in service, for the message of an error: "pages of scans". */
  readonly what: string;
  readonly placesMost: number;
  readonly waitingMost: number;
  /** Of `giveLater`: how late, and how many then go on without a place. */
  readonly heldMostMs: number;
  readonly overMost: number;
}

/** For the pages of scans: one takes megabytes while it is read and until it is sent. */
export function scanPlaces(clock: Clock, placesMost: number): Places {
  return new Places({
    clock,
    what: "pages of scans",
    placesMost,
    waitingMost: limits.scanPagesWaitingMost,
    heldMostMs: limits.scanPageHeldMostMs,
    overMost: limits.scanPagesOverMost,
  });
}

/** So many at once may be in service; the others wait, in the order in which they came. */
export class Places {
  readonly #options: PlacesOptions;
  readonly #waiting = new Set<Waiting>();
  #taken = 0;
  /** In service for so long that they gave their places back. */
  #over = 0;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves with a place, which must be given back. Errors: OVERLOADED where too many wait already; DEADLINE_EXCEEDED; the signal's
   * reason, as soon as it is aborted.
   */
  async take(signal?: AbortSignal, timeoutMs = Infinity): Promise<void> {
    const { what, placesMost, waitingMost } = this.#options;
    signal?.throwIfAborted();
    if (this.#taken < placesMost) {
      this.#taken++;
      return;
    }
    if (this.#waiting.size >= waitingMost) {
      throw new BigMapError("OVERLOADED", `${placesMost} ${what} are in service, and ${waitingMost} wait already`);
    }
    await this.#turn(signal, timeoutMs);
  }

  /** Runs with a place. Errors: those of `take` and of `run`. */
  async during<T>(run: () => Promise<T>, signal?: AbortSignal, timeoutMs?: number): Promise<T> {
    await this.take(signal, timeoutMs);
    try {
      return await run();
    } finally {
      this.give();
    }
  }

  /** The place goes to the one that has waited longest. */
  give(): void {
    const [first] = this.#waiting;
    if (first === undefined) this.#taken--;
    else first.enter();
  }

  /**
   * Gives the place back as soon as the returned function is called, which it must be, once; after `heldMostMs` at once, where fewer than
   * `overMost` go on without one. Where that many do, and others wait, `onCrowded` is called: who is slow for reasons of its own must not
   * stop the others, nor may they pile up without end.
   */
  giveLater(onCrowded: () => void): () => void {
    const { clock, heldMostMs, overMost } = this.#options;
    let isOver = false;
    const look = (): void => {
      if (this.#over < overMost) {
        isOver = true;
        this.#over++;
        this.give();
      } else {
        cancelTimer = clock.setTimer(heldMostMs, look);
        if (this.#waiting.size > 0) onCrowded();
      }
    };
    let cancelTimer = clock.setTimer(heldMostMs, look);
    return () => {
      cancelTimer();
      if (isOver) this.#over--;
      else this.give();
    };
  }

  #turn(signal: AbortSignal | undefined, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const { clock, what } = this.#options;
      const settle = (): void => {
        this.#waiting.delete(waiting);
        cancelTimer();
        signal?.removeEventListener("abort", onAbort);
      };
      const waiting = {
        enter: (): void => {
          settle();
          resolve();
        },
      };
      const onAbort = (): void => {
        settle();
        reject(signal?.reason as Error);
      };
      const onDue = (): void => {
        settle();
        reject(new BigMapError("DEADLINE_EXCEEDED", `Other ${what} were in service for ${timeoutMs} ms`));
      };
      const cancelTimer = timeoutMs < Infinity ? clock.setTimer(timeoutMs, onDue) : (): void => undefined;
      this.#waiting.add(waiting);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}
