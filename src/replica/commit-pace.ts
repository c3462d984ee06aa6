/** While one commit waits for its fsync the next is prepared and sent; more would only grow the batches' latency. */
const commitsUnderWayMost = 2;
/** With fewer operations the second waits for the first: what comes meanwhile joins it, and shares its fsync. */
const secondCommitFewestOperations = 128;
/**
 * A commit that would be smaller than the one before waits this many turns of the loop: most of those who were answered together ask again
 * together. In a busy loop that is a millisecond, in an idle one it is microseconds.
 */
const waitedTurnsMost = 3;

/** When the next commit begins: late enough to be worth its fsync, soon enough that nobody notices. */
export class CommitPace {
  readonly #lookAgain: () => void;
  #underWay = 0;
  #lastOperations = 0;
  #waitedTurns = 0;
  #isWaiting = false;

  /** `lookAgain` is called after a turn that was waited. */
  constructor(lookAgain: () => void) {
    this.#lookAgain = lookAgain;
  }

  /** No commit is under way. */
  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** Whether the next commit may begin. `isReadyFor`: whether it would have that many operations. */
  mayBegin(isReadyFor: (fewestOperations: number) => boolean): boolean {
    if (this.#underWay > 0) return this.#underWay < commitsUnderWayMost && isReadyFor(secondCommitFewestOperations);
    if (this.#waitedTurns >= waitedTurnsMost) return true;
    if (isReadyFor(Math.min(this.#lastOperations, secondCommitFewestOperations))) return true;
    this.#waitATurn();
    return false;
  }

  begun(operations: number): void {
    this.#underWay++;
    this.#waitedTurns = 0;
    this.#lastOperations = operations;
  }

  ended(): void {
    this.#underWay--;
  }

  #waitATurn(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    setImmediate(() => {
      this.#isWaiting = false;
      this.#waitedTurns++;
      this.#lookAgain();
    });
  }
}
