import { limits } from "../base/limits.js";

/** Whoever waits for room. */
export interface RoomSeeker {
  /** There is room: it takes what it needs, and enters the line again where that was not all. */
  resume(): void;
}

/** So much goes to the first in the line before it is the next one's turn. */
const turnBytes = limits.pipesReadingMostBytes / 8;
/** With less than this nobody is called: the largest value shall find room. */
const calledWithBytes = 2 * limits.valueMaxBytes;

/**
 * The answers that the pipes of one target have under way together, in bytes that are expected: so many that the target is never idle,
 * and so few that a small operation finds little before it, however many pipes ask for large values. What was answered counts until the
 * turn of the event loop is over, as answering is work of this turn too: others come in between. Where there is no room pipes stand in
 * line, and take turns. HOT: all but `enter` and `leave`.
 */
export class SharedRoom {
  #takenBytes = 0;
  /** Of those, what was answered in this turn of the loop. */
  #answeredBytes = 0;
  #isTurnEndScheduled = false;
  /** In the order in which they came. Not empty only where much is taken, so that a turn with answers is still to end. */
  readonly #line = new Set<RoomSeeker>();
  /** Whose turn it is, and what is left of that. */
  #called: RoomSeeker | undefined;
  #leftOfTurnBytes = 0;
  readonly #onTurnEnd = (): void => this.#endTurn();

  /** What the seeker may take now that has so much already. A little it always may: small values do not wait for large ones. */
  leftFor(seeker: RoomSeeker, ownBytes: number): number {
    const leftBytes = limits.pipesReadingMostBytes - this.#takenBytes;
    const leastBytes = limits.pipeReadingLeastBytes - ownBytes;
    if (this.#line.size === 0) return Math.max(leftBytes, leastBytes);
    return seeker === this.#called ? Math.max(Math.min(leftBytes, this.#leftOfTurnBytes), leastBytes) : leastBytes;
  }

  /** Below 0: less is expected now of what was taken. */
  take(bytes: number): void {
    this.#takenBytes += bytes;
    this.#leftOfTurnBytes -= bytes;
  }

  /** So much was answered. Little is given at once where nobody waits: a turn's end is work too. */
  giveAfterTurn(bytes: number): void {
    if (bytes < limits.pipeReadingLeastBytes && this.#line.size === 0) {
      this.#takenBytes -= bytes;
      return;
    }
    this.#answeredBytes += bytes;
    if (this.#isTurnEndScheduled) return;
    this.#isTurnEndScheduled = true;
    setImmediate(this.#onTurnEnd);
  }

  /** Waits for room, at the end of the line; or where it stands, if it does. */
  enter(seeker: RoomSeeker): void {
    this.#line.add(seeker);
  }

  /** The seeker has ended, with so much under way. */
  leave(seeker: RoomSeeker, bytes: number): void {
    this.#line.delete(seeker);
    this.giveAfterTurn(bytes);
  }

  #endTurn(): void {
    this.#isTurnEndScheduled = false;
    this.#takenBytes -= this.#answeredBytes;
    this.#answeredBytes = 0;
    for (let left = this.#line.size; left > 0 && this.#takenBytes + calledWithBytes <= limits.pipesReadingMostBytes; left--) {
      const [first] = this.#line;
      if (first !== undefined) this.#call(first);
    }
  }

  #call(seeker: RoomSeeker): void {
    this.#line.delete(seeker);
    this.#called = seeker;
    this.#leftOfTurnBytes = turnBytes;
    seeker.resume();
    this.#called = undefined;
  }
}
