/**
 * The heart of the client: everything that is asked of one map in one turn of the event loop goes out as one batch, so
 * that many callers who await one operation each are as fast as one caller who batches. HOT: `ask`, `enqueue`, `enqueuePacked`.
 *
 * Order: operations go to the connection in the order in which they were asked; a retry keeps the order on each key
 * (see RetryLane).
 */
import { BigMapError } from "../base/errors.js";
import type { Clock } from "../base/clock.js";
import { giveBytes } from "../base/byte-pool.js";
import { keyOf, valueOf } from "../base/operation-batch.js";
import { OperationBatchBuilder, roomLike, type BatchShape } from "../base/operation-batch-builder.js";
import type { SessionId } from "../base/ids.js";
import type { Random } from "../base/random.js";
import { AbortListeners } from "./abort-listeners.js";
import { Backoff } from "./backoff.js";
import type { Budget } from "./budget.js";
import type { Connection } from "./connection.js";
import { DeadlineTimer } from "./deadline-timer.js";
import { Outbox } from "./outbox.js";
import { PendingBatch, cancelled, tooLate, type Asked, type BatchOwner, type Terms } from "./pending-batch.js";
import type { Receiver, Reject, Resolve } from "./receiver.js";
import { RetryLane, keyTextOf, orderOf, type HeldOperation } from "./retry-lane.js";

export interface CoalescerPorts {
  readonly connection: Connection;
  readonly sessionId: SessionId;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly random: Random;
}

/** As much is worth a batch of its own; less joins what others ask in the same turn. */
const ownBatchFewestBytes = 64 * 1024;

let capturedResolve: Resolve;
let capturedReject: Reject;
/** One executor for all promises: what it captures is read at once. */
function capture(resolve: Resolve, reject: Reject): void {
  capturedResolve = resolve;
  capturedReject = reject;
}

export class Coalescer implements BatchOwner {
  readonly #map: string;
  readonly #ports: CoalescerPorts;
  readonly #lane: RetryLane;
  readonly #outbox = new Outbox(
    () => this.flush(),
    () => this.#sent.length === 0,
  );
  /** Sent and not all answered, oldest first; answered ones stay while an older one is open. */
  #sent: PendingBatch[] = [];
  #lastSequence = 0;
  readonly #deadlineTimer: DeadlineTimer;
  #closed = false;
  #lastTerms: Terms | undefined;
  #lastShape: BatchShape | undefined;
  #whenIdle: (() => void)[] = [];
  readonly #keysOfRetry = new Map<PendingBatch, string[]>();
  readonly #abortListeners = new AbortListeners();
  /** The same function for every signal, so that a signal that is used a million times is listened to once. */
  readonly #onLaneAbort = (): void => {
    this.#lane.refuseWhere((held) => (held.terms.signal?.aborted === true ? cancelled(held.terms.signal) : undefined));
    if (this.#closed) this.#tellIdle();
  };

  constructor(map: string, ports: CoalescerPorts) {
    this.#map = map;
    this.#ports = ports;
    this.#deadlineTimer = new DeadlineTimer(ports.clock, () => this.#sweep());
    this.#lane = new RetryLane(ports.clock, new Backoff(ports.random), ports.budget, (operations) => this.#sendAgain(operations));
  }

  /** Asks one operation and resolves to what the receiver makes of its result. */
  ask<T>(
    operation: number,
    key: Uint8Array | string,
    value: Uint8Array | undefined,
    ifVersion: number,
    receiver: Receiver,
    terms: Terms,
  ): Promise<T> {
    const promise = new Promise<unknown>(capture);
    this.enqueue(operation, key, value, ifVersion, receiver, capturedResolve, capturedReject, 0, terms);
    return promise as Promise<T>;
  }

  /** Errors, thrown: CLOSED, OVERLOADED, CANCELLED. */
  enqueue(
    operation: number,
    key: Uint8Array | string,
    value: Uint8Array | undefined,
    ifVersion: number,
    receiver: Receiver,
    resolve: Resolve,
    reject: Reject,
    place: number,
    terms: Terms,
  ): void {
    if (this.#closed) this.assertOpen();
    if (terms.signal !== undefined && terms.signal.aborted) throw cancelled(terms.signal);
    const sizeBytes = key.length + (value === undefined ? 0 : value.length);
    if (!this.#lane.idle && this.#lane.holds(key)) {
      this.#ports.budget.take(1, sizeBytes);
      this.#ports.budget.giveBack(1, sizeBytes);
      this.#lineUp([{ operation, key, value, ifVersion, receiver, resolve, reject, place }], terms);
      return;
    }
    const { clock, budget } = this.#ports;
    const batch = this.#outbox.openFor(terms, sizeBytes) ?? this.#outbox.open(this.#newBatch(terms, clock.monotonicMs() + terms.timeoutMs));
    budget.take(1, sizeBytes);
    batch.budgetBytes += sizeBytes;
    batch.push(operation, key, value, ifVersion, receiver, resolve, reject, place);
  }

  /**
   * Asks operations that are packed already, unconditional ones, each as `enqueue` would, with places that follow each other from
   * `firstPlace`. Many bytes travel as a batch of their own, as they are; `packed` must not be used again. Never throws: what cannot
   * be asked is refused.
   */
  enqueuePacked(
    packed: OperationBatchBuilder,
    receiver: Receiver,
    resolve: Resolve,
    reject: Reject,
    firstPlace: number,
    terms: Terms,
  ): void {
    const mayAllGo = !this.#closed && terms.signal?.aborted !== true && this.#lane.idle;
    if (mayAllGo && packed.sizeBytes >= ownBatchFewestBytes && this.#ports.budget.tryTake(packed.count, packed.sizeBytes)) {
      const batch = this.#newBatch(terms, this.#ports.clock.monotonicMs() + terms.timeoutMs, packed);
      batch.adopt(receiver, resolve, reject, firstPlace);
      batch.budgetBytes = packed.sizeBytes;
      this.#outbox.add(batch);
      return;
    }
    const operations = packed.build(this.#map);
    for (let i = 0; i < operations.count; i++) {
      try {
        const operation = operations.operations[i] as number;
        this.enqueue(operation, keyOf(operations, i), valueOf(operations, i), 0, receiver, resolve, reject, firstPlace + i, terms);
      } catch (error) {
        receiver.refuse(reject, firstPlace + i, BigMapError.from(error));
      }
    }
    giveBytes(operations.values);
  }

  /**
   * Asks operations that must travel as one batch; their terms are atomic and theirs alone. Where one of the keys waits
   * to be sent again, all of them line up behind it. Errors, thrown before anything is taken: CLOSED, OVERLOADED, CANCELLED.
   */
  enqueueWhole(operations: readonly Asked[], terms: Terms): void {
    this.assertOpen();
    if (terms.signal?.aborted === true) throw cancelled(terms.signal);
    const { budget } = this.#ports;
    const sizeBytes = operations.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
    budget.take(operations.length, sizeBytes);
    budget.giveBack(operations.length, sizeBytes);
    if (!this.#lane.idle && operations.some(({ key }) => this.#lane.holds(key))) {
      // Its other keys become held too: what was asked on them before goes out before.
      this.flush();
      this.#lineUp(operations, terms);
      return;
    }
    for (const { operation, key, value, ifVersion, receiver, resolve, reject, place } of operations) {
      this.enqueue(operation, key, value, ifVersion, receiver, resolve, reject, place, terms);
    }
  }

  /** The terms of calls with options of their own; calls in a row with the same options share them, and so their batch. */
  termsFor(timeoutMs: number, signal: AbortSignal | undefined): Terms {
    const last = this.#lastTerms;
    if (last !== undefined && last.timeoutMs === timeoutMs && last.signal === signal) return last;
    return (this.#lastTerms = { timeoutMs, signal, atomic: false });
  }

  /** Errors, thrown: CLOSED. */
  assertOpen(): void {
    if (this.#closed) throw new BigMapError("CLOSED", `The client of map "${this.#map}" was closed`);
  }

  /** Sends what was collected. */
  flush(): void {
    for (const batch of this.#outbox.takeAll()) this.#send(batch);
  }

  /** Accepts nothing more; resolves when everything accepted is answered. */
  async close(): Promise<void> {
    this.#closed = true;
    if (!this.#idle) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  retry(batch: PendingBatch, indexes: readonly number[], errors: readonly BigMapError[]): void {
    const keyTexts = this.#keysOfRetry.get(batch);
    const held = indexes.map((index, i): HeldOperation => {
      const keyText = keyTexts?.[index] ?? keyTextOf(batch.keyAt(index));
      const order = orderOf(batch.sequence, index);
      return { ...batch.moveAway(index), keyText, order, terms: batch.terms, deadlineMs: batch.deadlineMs, error: errors[i] };
    });
    this.#lane.hold(held, this.#sent);
    this.#listenForLane(batch.terms);
    this.#deadlineTimer.setBy(batch.deadlineMs);
    this.#divertUnsent();
  }

  finished(batch: PendingBatch): void {
    this.#ports.budget.giveBack(batch.count, batch.budgetBytes);
    if (this.#ports.connection.forgetsAnswered === true) batch.giveValuesBack();
    while (this.#sent[0]?.done === true) this.#sent.shift();
    this.#abortListeners.forget(batch);
    const keyTexts = this.#keysOfRetry.get(batch);
    if (keyTexts !== undefined) {
      this.#keysOfRetry.delete(batch);
      this.#lane.release(keyTexts, batch.answered);
    } else if (!this.#lane.idle) {
      this.#lane.advance();
    }
    if (this.#closed) this.#tellIdle();
  }

  delivered(): void {
    this.#outbox.flushAfterCallers();
  }

  get #idle(): boolean {
    return this.#outbox.isEmpty && this.#sent.length === 0 && this.#lane.idle;
  }

  #tellIdle(): void {
    if (!this.#idle) return;
    for (const resolve of this.#whenIdle) resolve();
    this.#whenIdle = [];
  }

  #send(batch: PendingBatch): void {
    // Abandoned before it was sent.
    if (batch.done) return;
    const operations = batch.build(this.#map, ++this.#lastSequence);
    this.#lastShape = batch.shape;
    this.#sent.push(batch);
    this.#deadlineTimer.setBy(batch.deadlineMs);
    this.#outbox.sending(() => this.#ports.connection.submit(operations, this.#ports.sessionId, batch));
  }

  /** What was asked but not sent on keys that the lane has just taken lines up there: older than all that is asked from now on. */
  #divertUnsent(): void {
    for (const batch of this.#outbox.takeAll()) {
      if (batch.done) continue;
      batch.build(this.#map, 0);
      this.#outbox.add(this.#touchesLane(batch) ? this.#divert(batch) : batch);
    }
  }

  #touchesLane(batch: PendingBatch): boolean {
    for (let index = 0; index < batch.count; index++) if (this.#lane.holds(batch.keyAt(index))) return true;
    return false;
  }

  /** Lets the operations on held keys line up, an atomic batch as a whole; returns a batch of the others. */
  #divert(batch: PendingBatch): PendingBatch {
    const rest = this.#newBatch(batch.terms, batch.deadlineMs);
    const sequence = ++this.#lastSequence;
    for (let index = 0; index < batch.count; index++) {
      const keyText = keyTextOf(batch.keyAt(index));
      const staysBehind = batch.terms.atomic || this.#lane.holds(batch.keyAt(index));
      const asked = batch.moveAway(index);
      const order = orderOf(sequence, index);
      if (staysBehind) this.#lane.lineUp({ ...asked, keyText, order, terms: batch.terms, deadlineMs: batch.deadlineMs, error: undefined });
      else this.#pushAgain(rest, asked);
    }
    this.#listenForLane(batch.terms);
    this.#deadlineTimer.setBy(batch.deadlineMs);
    this.finished(batch);
    return rest;
  }

  #newBatch(terms: Terms, deadlineMs: number, builder = new OperationBatchBuilder(roomLike(this.#lastShape))): PendingBatch {
    const batch = new PendingBatch(this, terms, deadlineMs, builder);
    const { signal } = terms;
    if (signal !== undefined) this.#abortListeners.listen(batch, signal, () => this.#withdraw(batch, cancelled(signal)));
    return batch;
  }

  /** Pushes what was let in before: the budget cannot refuse it any more. */
  #pushAgain(batch: PendingBatch, asked: Asked): void {
    const sizeBytes = asked.key.length + (asked.value?.length ?? 0);
    this.#ports.budget.takeAnyway(1, sizeBytes);
    batch.budgetBytes += sizeBytes;
    batch.push(asked.operation, asked.key, asked.value, asked.ifVersion, asked.receiver, asked.resolve, asked.reject, asked.place);
  }

  /** Sends held operations in their order, in as few batches as their terms and deadlines allow. */
  #sendAgain(operations: readonly HeldOperation[]): void {
    let batch: PendingBatch | undefined;
    let keyTexts: string[] = [];
    const batches: PendingBatch[] = [];
    for (const held of operations) {
      const fits = batch !== undefined && batch.terms === held.terms && batch.deadlineMs === held.deadlineMs && batch.hasRoomFor(held);
      if (batch === undefined || !fits) {
        batch = this.#newBatch(held.terms, held.deadlineMs);
        keyTexts = [];
        this.#keysOfRetry.set(batch, keyTexts);
        batches.push(batch);
        this.#lane.sentBatch();
      }
      keyTexts.push(held.keyText);
      this.#pushAgain(batch, held);
    }
    for (const ready of batches) this.#send(ready);
  }

  #lineUp(operations: readonly Asked[], terms: Terms): void {
    const deadlineMs = this.#ports.clock.monotonicMs() + terms.timeoutMs;
    for (const asked of operations) {
      // The caller may change its key and value once the call has returned.
      const key = Buffer.from(asked.key as string);
      const value = asked.value === undefined ? undefined : new Uint8Array(asked.value);
      const order = orderOf(++this.#lastSequence, 0);
      this.#lane.lineUp({ ...asked, key, value, keyText: keyTextOf(key), order, terms, deadlineMs, error: undefined });
    }
    this.#listenForLane(terms);
    this.#deadlineTimer.setBy(deadlineMs);
  }

  #listenForLane(terms: Terms): void {
    terms.signal?.addEventListener("abort", this.#onLaneAbort, { once: true });
  }

  #withdraw(batch: PendingBatch, reason: BigMapError, reasonIfUnsent = reason): void {
    if (batch.done) return;
    batch.giveUp();
    const sent = batch.sequence > 0 && (this.#ports.connection.withdraw?.(batch) ?? true);
    batch.abandon(sent ? reason : reasonIfUnsent, sent);
  }

  #sweep(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    const outage = this.#ports.connection.outage?.();
    let nextMs = Infinity;
    for (const batch of [...this.#sent]) {
      if (batch.deadlineMs <= nowMs) this.#withdraw(batch, tooLate(batch.terms), outage);
      else if (!batch.done) nextMs = Math.min(nextMs, batch.deadlineMs);
    }
    this.#lane.refuseWhere((held) => (held.deadlineMs <= nowMs ? (held.error ?? outage ?? tooLate(held.terms)) : undefined));
    this.#deadlineTimer.setBy(Math.min(nextMs, this.#lane.deadlineMs));
    if (this.#closed) this.#tellIdle();
  }
}
