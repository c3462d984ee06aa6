import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";

/** After each piece the event loop is others' for so many times as long as that took. */
const restTimes = 4;
/** What took less needs no rest beyond a turn of the loop. */
const leastRestMs = 1;
/** Pieces that wait. */
const waitingMost = 1_024;

interface Piece<Result> {
  readonly result: Promise<Result>;
  readonly run: () => Promise<void>;
}

/**
 * Work that takes the event loop for some time, and that many callers may ask for at once. Those that ask for the same before it begins
 * share what it comes to, so that it is as new as each of them may expect. One piece runs at a time, in the order in which they were
 * asked for, and in between the loop is others'.
 */
export class SharedWork<Result> {
  readonly #clock: Clock;
  /** Not begun, by what was asked for. */
  readonly #waiting = new Map<string, Piece<Result>>();
  #isBusy = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * What `work` comes to, or the same that was asked for before and has not begun. It begins in a later turn of the loop. Errors: those of
   * `work`; OVERLOADED where too much waits already.
   */
  async share(key: string, work: () => Promise<Result>): Promise<Result> {
    let piece = this.#waiting.get(key);
    if (piece === undefined) {
      if (this.#waiting.size >= waitingMost) throw new BigMapError("OVERLOADED", `${waitingMost} calls of this kind wait already`);
      piece = pieceOf(work);
      this.#waiting.set(key, piece);
      if (!this.#isBusy) this.#nextTurn();
    }
    return piece.result;
  }

  #nextTurn(): void {
    this.#isBusy = true;
    setImmediate(() => void this.#runFirst());
  }

  async #runFirst(): Promise<void> {
    const [first] = this.#waiting;
    this.#isBusy = first !== undefined;
    if (first === undefined) return;
    const [key, piece] = first;
    this.#waiting.delete(key);
    const beganMs = this.#clock.monotonicMs();
    await piece.run();
    const restMs = (this.#clock.monotonicMs() - beganMs) * restTimes;
    if (restMs < leastRestMs) this.#nextTurn();
    else this.#clock.setTimer(restMs, () => void this.#runFirst());
  }
}

function pieceOf<Result>(work: () => Promise<Result>): Piece<Result> {
  let settle: (result: Promise<Result>) => void = () => undefined;
  const result = new Promise<Result>((resolve) => (settle = resolve));
  const run = async (): Promise<void> => {
    const done = work();
    settle(done);
    await done.catch(() => undefined);
  };
  return { result, run };
}
