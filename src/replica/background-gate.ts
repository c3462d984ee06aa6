import type { CancelTimer, Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import type { OperationBatch, OperationTarget, ResultSink } from "../base/operation-batch.js";
import { BatchExecution } from "./batch-execution.js";
import type { BusyShare } from "./loop-load.js";

const tickMs = 10;
/** Without others for so long the background has the replica to itself. */
const aloneAfterMs = 100;
/** The loop may be busy for this part of the time; what arrives finds it free then, mostly, and is not late. */
const busyMost = 0.6;
/** Units a second: an operation is one, and each KiB of keys and values. */
const fewestPerSecond = 2_000;
const firstPerSecond = 10_000;
const mostPerSecond = 1_000_000;
/** Per tick: slowly up, quickly down, as the congestion control of TCP (RFC 5681, section 3.1). */
const raisedPerSecond = 500;
const loweredTo = 0.8;

interface WaitingBatch {
  readonly batch: OperationBatch;
  readonly sessionId: SessionId;
  readonly sink: ResultSink;
  readonly units: number;
}

/**
 * Lets the batches of background clients through as fast as they do not hold up others: while there are others, at a rate that falls
 * where the loop is busy and rises where it is not, and never below 2,000 units a second; else at once. They wait in the order in which
 * they came, all sessions together. What waits is bounded as the replica bounds updates; past it OVERLOADED. A deadline that passes
 * meanwhile is the target's to tell.
 */
export class BackgroundGate implements OperationTarget {
  readonly #target: OperationTarget;
  readonly #clock: Clock;
  readonly #busyShare: BusyShare;
  /** In their order; a set, as the first of a long array is slow to take. */
  readonly #waiting = new Set<WaitingBatch>();
  #waitingOperations = 0;
  #waitingBytes = 0;
  /** Units that may go now; below 0 after a batch that was larger. */
  #allowance = 0;
  #perSecond = firstPerSecond;
  #othersSeen = false;
  #othersSeenMs = -Infinity;
  /** When it ticked last; undefined while it does not tick. */
  #tickedMs: number | undefined;
  #batchesOfTick = 0;
  #cancelTick: CancelTimer = () => undefined;
  #isOpen = false;

  constructor(target: OperationTarget, clock: Clock, busyShare: BusyShare) {
    this.#target = target;
    this.#clock = clock;
    this.#busyShare = busyShare;
  }

  /** Operations that wait. */
  get waiting(): number {
    return this.#waitingOperations;
  }

  /** Somebody else asked for something. HOT. */
  noteOthers(): void {
    this.#othersSeen = true;
  }

  /** A batch of a background client. */
  submit(batch: OperationBatch, sessionId: SessionId, sink: ResultSink): void {
    this.#batchesOfTick++;
    if (this.#isOpen) {
      this.#target.submit(batch, sessionId, sink);
      return;
    }
    if (this.#tickedMs === undefined) this.#begin();
    const bytes = bytesOf(batch);
    const { pendingUpdatesMaxOperations: mostOperations, pendingUpdatesMaxBytes: mostBytes } = limits;
    if (this.#waitingOperations + batch.count > mostOperations || this.#waitingBytes + bytes > mostBytes) {
      refuse(batch, sessionId, sink);
      return;
    }
    this.#waiting.add({ batch, sessionId, sink, units: batch.count + bytes / 1024 });
    this.#waitingOperations += batch.count;
    this.#waitingBytes += bytes;
    this.#release();
  }

  /** From now on everything goes at once, what waits too: the replica stops, or answers its last. */
  open(): void {
    this.#isOpen = true;
    this.#cancelTick();
    this.#release();
  }

  get #isAlone(): boolean {
    return !this.#othersSeen && this.#clock.monotonicMs() - this.#othersSeenMs >= aloneAfterMs;
  }

  /** The first batch for a while: what the loop did before says nothing. */
  #begin(): void {
    this.#busyShare();
    this.#tickedMs = this.#clock.monotonicMs();
    this.#allowance = 0;
    this.#scheduleTick();
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#clock.setTimer(tickMs, () => this.#tick());
  }

  #tick(): void {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = nowMs - (this.#tickedMs ?? nowMs);
    this.#tickedMs = nowMs;
    if (this.#othersSeen) this.#othersSeenMs = nowMs;
    this.#othersSeen = false;
    this.#adapt(this.#busyShare());
    const earned = (this.#perSecond * elapsedMs) / 1_000;
    this.#allowance = Math.min(this.#allowance + earned, earned);
    this.#release();
    const isIdle = this.#batchesOfTick === 0 && this.#waiting.size === 0;
    this.#batchesOfTick = 0;
    if (isIdle) this.#tickedMs = undefined;
    else this.#scheduleTick();
  }

  #adapt(busyShare: number): void {
    if (this.#isAlone) this.#perSecond = firstPerSecond;
    else if (busyShare > busyMost) this.#perSecond = Math.max(fewestPerSecond, this.#perSecond * loweredTo);
    // What is not asked for is not earned.
    else if (this.#waiting.size > 0) this.#perSecond = Math.min(mostPerSecond, this.#perSecond + raisedPerSecond);
  }

  #release(): void {
    const mayAll = this.#isOpen || this.#isAlone;
    const nowMs = this.#clock.monotonicMs();
    for (const next of this.#waiting) {
      const { batch, sessionId, sink, units } = next;
      // One whose time is over costs nothing but its refusal.
      const isFree = mayAll || batch.deadlineMs < nowMs;
      if (!isFree && this.#allowance <= 0) return;
      if (!isFree) this.#allowance -= units;
      this.#waiting.delete(next);
      this.#waitingOperations -= batch.count;
      this.#waitingBytes -= bytesOf(batch);
      this.#target.submit(batch, sessionId, sink);
    }
  }
}

function bytesOf({ keys, values }: OperationBatch): number {
  return keys.length + values.length;
}

function refuse(batch: OperationBatch, sessionId: SessionId, sink: ResultSink): void {
  const error = new BigMapError("OVERLOADED", "Too many operations of background clients wait");
  const execution = new BatchExecution(batch, sessionId, sink);
  for (let index = 0; index < batch.count; index++) execution.addError(index, error);
  execution.flush();
}
