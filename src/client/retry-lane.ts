/**
 * Operations of one map that failed for a passing reason and wait to be sent again. Two operations on one key never
 * change places: while an operation is here, newer ones on its key line up behind it; and where a newer one that had
 * been sent already was answered, the older one is refused with its error instead of being sent after it.
 */
import type { BigMapError } from "../base/errors.js";
import type { CancelTimer, Clock } from "../base/clock.js";
import { asBuffer } from "../base/bytes.js";
import { isUpdate } from "../base/operation-batch.js";
import type { Backoff } from "./backoff.js";
import type { Budget } from "./budget.js";
import { KeepAlive } from "./keep-alive.js";
import type { Asked, PendingBatch, Terms } from "./pending-batch.js";

/** One operation in the lane. */
export interface HeldOperation extends Asked {
  readonly keyText: string;
  /** Grows in the order in which the operations were asked. */
  readonly order: number;
  readonly terms: Terms;
  readonly deadlineMs: number;
  /** Why it is here; undefined where it only lined up. */
  readonly error: BigMapError | undefined;
}

/** Orders operations over batches: a batch has fewer than 2^14 of them. */
export function orderOf(sequence: number, index: number): number {
  return sequence * 2 ** 14 + index;
}

/** The key in a form that a Set compares by content. */
export function keyTextOf(key: Uint8Array | string): string {
  return typeof key === "string" ? Buffer.from(key, "utf8").toString("latin1") : asBuffer(key).toString("latin1");
}

export class RetryLane {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #budget: Budget;
  /** Sends the operations, in this order; each leaves the lane by `release`, or comes back by `hold`. */
  readonly #send: (operations: readonly HeldOperation[]) => void;
  #held: HeldOperation[] = [];
  /** How many operations, waiting or sent from here, each key has. */
  readonly #keys = new Map<string, number>();
  /** Batches that may hold a newer operation on a held key. */
  readonly #suspects = new Set<PendingBatch>();
  readonly #keepAlive = new KeepAlive();
  #sentFromHere = 0;
  #cancelTimer: CancelTimer | undefined;
  #ripe = false;

  constructor(clock: Clock, backoff: Backoff, budget: Budget, send: (operations: readonly HeldOperation[]) => void) {
    this.#clock = clock;
    this.#backoff = backoff;
    this.#budget = budget;
    this.#send = send;
  }

  /** Whether no key is held: the usual case, in which nobody asks further. */
  get idle(): boolean {
    return this.#keys.size === 0;
  }

  holds(key: Uint8Array | string): boolean {
    return this.#keys.has(keyTextOf(key));
  }

  /** The earliest deadline of what waits here. */
  get deadlineMs(): number {
    let earliestMs = Infinity;
    for (const held of this.#held) earliestMs = Math.min(earliestMs, held.deadlineMs);
    return earliestMs;
  }

  /** Takes a new operation whose key is held. */
  lineUp(held: HeldOperation): void {
    this.#add(held);
  }

  /** Takes operations that failed; `sent` are the batches that are under way now, older and newer. */
  hold(operations: readonly HeldOperation[], sent: readonly PendingBatch[]): void {
    for (const held of operations) this.#add(held);
    this.#held.sort((left, right) => left.order - right.order);
    for (const batch of sent) this.#suspects.add(batch);
    if (this.#cancelTimer === undefined && !this.#ripe) {
      this.#cancelTimer = this.#clock.setTimer(this.#backoff.nextDelayMs(), () => {
        this.#cancelTimer = undefined;
        this.#ripe = true;
        this.advance();
      });
    }
  }

  /** A batch that was sent from here is answered: its keys go free, but for what came back. */
  release(keyTexts: readonly string[], succeeded: boolean): void {
    this.#sentFromHere--;
    for (const keyText of keyTexts) this.#drop(keyText);
    if (succeeded) this.#backoff.reset();
    if (this.#sentFromHere === 0 && this.#cancelTimer === undefined) this.#ripe = this.#held.length > 0;
    this.advance();
  }

  /** Sends what waits, once its time has come and every batch is answered that could hold a newer operation. */
  advance(): void {
    if (!this.#ripe || this.#sentFromHere > 0) return;
    for (const batch of this.#suspects) if (!batch.done) return;
    this.#ripe = false;
    this.#refuseOvertaken();
    this.#suspects.clear();
    const operations = this.#held;
    this.#held = [];
    for (const held of operations) this.#budget.giveBack(1, sizeBytesOf(held));
    if (operations.length > 0) this.#send(operations);
  }

  /** Tells that one more batch was sent from here. */
  sentBatch(): void {
    this.#sentFromHere++;
  }

  /** Refuses what `why` names an error for. */
  refuseWhere(why: (held: HeldOperation) => BigMapError | undefined): void {
    const staying: HeldOperation[] = [];
    for (const held of this.#held) {
      const error = why(held);
      if (error === undefined) {
        staying.push(held);
        continue;
      }
      this.#drop(held.keyText);
      this.#budget.giveBack(1, sizeBytesOf(held));
      held.receiver.refuse(held.reject, held.place, error);
    }
    this.#held = staying;
  }

  #add(held: HeldOperation): void {
    this.#budget.takeAnyway(1, sizeBytesOf(held));
    if (this.idle) this.#keepAlive.hold();
    this.#held.push(held);
    this.#keys.set(held.keyText, (this.#keys.get(held.keyText) ?? 0) + 1);
  }

  #drop(keyText: string): void {
    const left = (this.#keys.get(keyText) ?? 0) - 1;
    if (left > 0) this.#keys.set(keyText, left);
    else this.#keys.delete(keyText);
    if (this.idle) this.#keepAlive.release();
  }

  #refuseOvertaken(): void {
    const newest = this.#newestAnswers();
    if (newest.size === 0) return;
    const isOvertaken = (held: HeldOperation): boolean => {
      const answers = newest.get(held.keyText);
      // Two queries may change places: neither sees what the other does.
      return answers !== undefined && held.order < (isUpdate(held.operation) ? answers.any : answers.update);
    };
    // An atomic batch is refused as a whole.
    const wholes = new Set(this.#held.filter((held) => held.terms.atomic && isOvertaken(held)).map((held) => held.terms));
    this.refuseWhere((held) => (wholes.has(held.terms) || isOvertaken(held) ? held.error : undefined));
  }

  /** For each held key the newest answered operation, and the newest answered update. */
  #newestAnswers(): Map<string, { any: number; update: number }> {
    const newest = new Map<string, { any: number; update: number }>();
    for (const batch of this.#suspects) {
      for (let index = 0; index < batch.count; index++) {
        if (!batch.answeredAt(index)) continue;
        const keyText = keyTextOf(batch.keyAt(index));
        if (!this.#keys.has(keyText)) continue;
        const answers = newest.get(keyText) ?? { any: 0, update: 0 };
        const order = orderOf(batch.sequence, index);
        answers.any = Math.max(answers.any, order);
        if (isUpdate(batch.operationAt(index))) answers.update = Math.max(answers.update, order);
        newest.set(keyText, answers);
      }
    }
    return newest;
  }
}

function sizeBytesOf(asked: Asked): number {
  return asked.key.length + (asked.value?.length ?? 0);
}
