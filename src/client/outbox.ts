import { limits } from "../base/limits.js";
import type { PendingBatch, Terms } from "./pending-batch.js";

/** A message costs as much as dozens of operations. */
const earlyFlushFewest = 32;
/** In one turn of the loop. Where answers come without an event, as from a memory engine in this process, else nothing ever had a turn. */
const earlyFlushesMost = 64;

/**
 * Batches of this turn of the event loop, in the order in which they were begun; the last may be open for more operations. HOT:
 * `openFor`.
 */
export class Outbox {
  readonly #flush: () => void;
  readonly #isQuiet: () => boolean;
  #flushIsDue = false;
  #isSending = false;
  #turnIsScheduled = false;
  #earlyFlushes = 0;
  /** Takes the operations that are asked now. */
  #open: PendingBatch | undefined;
  /** Batches that are full, or were closed by others behind them. */
  #sealed: PendingBatch[] = [];

  /** `flush` is called at the end of the turn in which the first batch came. `isQuiet`: nothing that was sent is unanswered. */
  constructor(flush: () => void, isQuiet: () => boolean) {
    this.#flush = flush;
    this.#isQuiet = isQuiet;
  }

  get isEmpty(): boolean {
    return this.#open === undefined && this.#sealed.length === 0;
  }

  /** The batch that an operation of this size may join, if there is one. */
  openFor(terms: Terms, sizeBytes: number): PendingBatch | undefined {
    const open = this.#open;
    if (open === undefined || open.terms !== terms) return undefined;
    // A text key may take three times its length; no key takes more than its limit. An atomic batch was measured before.
    const fits = open.count < limits.batchMaxOperations && open.sizeBytes + sizeBytes + limits.keyMaxBytes <= limits.batchMaxBytes;
    return fits || terms.atomic ? open : undefined;
  }

  /** The batch is the open one from now on. */
  open(batch: PendingBatch): PendingBatch {
    this.#schedule();
    this.#sealOpen();
    return (this.#open = batch);
  }

  /** Adds a batch that nothing more may join. */
  add(batch: PendingBatch): void {
    this.#schedule();
    this.#sealOpen();
    this.#sealed.push(batch);
  }

  /** Runs what sends a batch. */
  sending(send: () => void): void {
    this.#isSending = true;
    try {
      send();
    } finally {
      this.#isSending = false;
    }
  }

  /** The batches, which are the caller's now. */
  takeAll(): readonly PendingBatch[] {
    this.#sealOpen();
    const batches = this.#sealed;
    this.#sealed = [];
    return batches;
  }

  /**
   * Callers have just been given answers. What they ask next need not wait for the end of the turn, where it is many operations or
   * nothing else is under way: it leaves once all of them have run, still inside the event that brought the answers. (A tick that a
   * microtask asks for comes after all microtasks.) Where the answers came inside the call that asked, the loop must have its turn first,
   * or nothing else ever had one.
   */
  flushAfterCallers(): void {
    if (this.#flushIsDue || this.#isSending) return;
    this.#flushIsDue = true;
    queueMicrotask(this.#scheduleTick);
  }

  readonly #scheduleTick = (): void => process.nextTick(this.#flushIfWorthwhile);

  readonly #flushIfWorthwhile = (): void => {
    this.#flushIsDue = false;
    if (this.isEmpty || this.#earlyFlushes >= earlyFlushesMost) return;
    if (!this.#isQuiet() && (this.#open?.count ?? 0) < earlyFlushFewest) return;
    this.#earlyFlushes++;
    this.#flush();
  };

  readonly #endTurn = (): void => {
    this.#turnIsScheduled = false;
    this.#earlyFlushes = 0;
    this.#flush();
  };

  #schedule(): void {
    // A turn of the loop: what is asked by everybody who wakes up with the same message comes before the check phase.
    if (this.#turnIsScheduled) return;
    this.#turnIsScheduled = true;
    setImmediate(this.#endTurn);
  }

  #sealOpen(): void {
    if (this.#open === undefined) return;
    this.#sealed.push(this.#open);
    this.#open = undefined;
  }
}
