import type { CancelTimer, Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import type { OperationBatch, OperationTarget, ResultBatch, ResultSink } from "../base/operation-batch.js";
import type { BackgroundTarget } from "../rpc/pipe-server.js";
import { BatchExecution } from "./batch-execution.js";
import type { BusyShare } from "./loop-load.js";

const tickMs = 10;
/** Without others for so long the background has the replica to itself. */
const aloneAfterMs = 1_000;
/** The loop may be busy for this part of the time; what arrives finds it free then, mostly, and is not late. */
const busyMost = 0.6;
/** Units: an operation is one, and each KiB of keys and values. A second: */
const fewestPerSecond = 2_000;
const firstPerSecond = 10_000;
const mostPerSecond = 1_000_000;
/** Per tick: slowly up, quickly down, as the congestion control of TCP (RFC 5681, section 3.1). */
const raisedPerSecond = 500;
const loweredTo = 0.8;
/** Under way at a time, alone too: others who come back find no more before them. */
const underWayMost = 16_384;
/** What is refused for its deadline is refused so much earlier, as a part of the time that it had: the client hears of it in time. */
const refusedEarlier = 1 / 10;
const refusedEarlierMostMs = 1_000;

interface WaitingBatch {
  readonly batch: OperationBatch;
  readonly sessionId: SessionId;
  readonly sink: ResultSink;
  readonly units: number;
  readonly refusedAtMs: number;
}

/**
 * Lets the batches of background clients through as fast as they do not hold up others: while there are others, at a rate that falls
 * where the loop is busy and rises where it is not, and never below 2,000 units a second; else as fast as they are carried out. They wait
 * in the order in which they came, all sessions together. What waits is bounded; past it OVERLOADED. What would wait past its deadline is
 * DEADLINE_EXCEEDED; nothing of either was done.
 */
export class BackgroundGate implements BackgroundTarget {
  readonly #target: OperationTarget;
  readonly #clock: Clock;
  readonly #busyShare: BusyShare;
  /** In their order; a set, as the first of a long array is slow to take. */
  readonly #waiting = new Set<WaitingBatch>();
  #waitingOperations = 0;
  #waitingBytes = 0;
  /** No batch that waits is to be refused before. */
  #nextRefusalMs = Infinity;
  /** Units of batches that went and are not all answered. */
  #underWay = 0;
  /** Units that may go now; below 0 after a batch that was larger. */
  #allowance = 0;
  #perSecond = firstPerSecond;
  #othersSeenMs = -Infinity;
  /** When it ticked last; undefined while it does not tick. */
  #tickedMs: number | undefined;
  #batchesOfTick = 0;
  #cancelTick: CancelTimer = () => undefined;
  #isOpen = false;
  #isReleasing = false;

  constructor(target: OperationTarget, clock: Clock, busyShare: BusyShare) {
    this.#target = target;
    this.#clock = clock;
    this.#busyShare = busyShare;
  }

  /** Operations that wait. */
  get waiting(): number {
    return this.#waitingOperations;
  }

  /** Somebody else asked for something. The time of it, not a flag for the next tick: while nothing waits, nothing ticks. HOT. */
  noteOthers(): void {
    this.#othersSeenMs = this.#clock.monotonicMs();
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
    const { backgroundWaitingMaxOperations: mostOperations, backgroundWaitingMaxBytes: mostBytes } = limits;
    if (this.#waitingOperations + batch.count > mostOperations || this.#waitingBytes + bytes > mostBytes) {
      const error = new BigMapError("OVERLOADED", "Too many operations of background clients wait");
      refuse(batch, sessionId, sink, error);
      return;
    }
    const leftMs = batch.deadlineMs - this.#clock.monotonicMs();
    const refusedAtMs = batch.deadlineMs - Math.min(refusedEarlierMostMs, leftMs * refusedEarlier);
    this.#waiting.add({ batch, sessionId, sink, units: batch.count + bytes / 1024, refusedAtMs });
    this.#nextRefusalMs = Math.min(this.#nextRefusalMs, refusedAtMs);
    this.#waitingOperations += batch.count;
    this.#waitingBytes += bytes;
    this.#release();
  }

  drop(sessionId: SessionId): void {
    for (const one of this.#waiting) if (one.sessionId === sessionId) this.#remove(one);
  }

  /** From now on everything goes at once, what waits too: the replica stops, or answers its last. */
  open(): void {
    this.#isOpen = true;
    this.#cancelTick();
    this.#release();
  }

  get #isAlone(): boolean {
    return this.#clock.monotonicMs() - this.#othersSeenMs >= aloneAfterMs;
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
    this.#adapt(this.#busyShare());
    const earned = (this.#perSecond * elapsedMs) / 1_000;
    this.#allowance = Math.min(this.#allowance + earned, earned);
    if (nowMs >= this.#nextRefusalMs) this.#refuseLate(nowMs);
    this.#release();
    const isIdle = this.#batchesOfTick === 0 && this.#waiting.size === 0;
    this.#batchesOfTick = 0;
    if (isIdle) this.#tickedMs = undefined;
    else if (!this.#isOpen) this.#scheduleTick();
  }

  #adapt(busyShare: number): void {
    if (this.#isAlone) this.#perSecond = firstPerSecond;
    else if (busyShare > busyMost) this.#perSecond = Math.max(fewestPerSecond, this.#perSecond * loweredTo);
    // What is not asked for is not earned.
    else if (this.#waiting.size > 0) this.#perSecond = Math.min(mostPerSecond, this.#perSecond + raisedPerSecond);
  }

  #refuseLate(nowMs: number): void {
    this.#nextRefusalMs = Infinity;
    for (const one of this.#waiting) {
      const { batch, sessionId, sink, refusedAtMs } = one;
      if (nowMs >= refusedAtMs) {
        this.#remove(one);
        refuse(batch, sessionId, sink, new BigMapError("DEADLINE_EXCEEDED", "Others came before this client in the background"));
      } else this.#nextRefusalMs = Math.min(this.#nextRefusalMs, refusedAtMs);
    }
  }

  /** What is answered at once makes room for the next: the loop sees it, and does not begin again inside of itself. */
  #release(): void {
    if (this.#isReleasing) return;
    this.#isReleasing = true;
    try {
      for (const one of this.#waiting) {
        if (!this.#mayGo) return;
        if (!this.#isAlone) this.#allowance -= one.units;
        this.#remove(one);
        this.#send(one);
      }
    } finally {
      this.#isReleasing = false;
    }
  }

  get #mayGo(): boolean {
    return this.#isOpen || (this.#underWay < underWayMost && (this.#isAlone || this.#allowance > 0));
  }

  #remove(one: WaitingBatch): void {
    this.#waiting.delete(one);
    this.#waitingOperations -= one.batch.count;
    this.#waitingBytes -= bytesOf(one.batch);
  }

  #send({ batch, sessionId, sink, units }: WaitingBatch): void {
    this.#underWay += units;
    let unanswered = batch.count;
    const deliver = (results: ResultBatch): void => {
      unanswered -= results.count;
      if (unanswered === 0) this.#underWay -= units;
      sink.deliver(results);
      if (unanswered === 0) this.#release();
    };
    this.#target.submit(batch, sessionId, sink.refusal === undefined ? { deliver } : { deliver, refusal: sink.refusal });
  }
}

function bytesOf({ keys, values }: OperationBatch): number {
  return keys.length + values.length;
}

/** Nothing of the batch is done. */
function refuse(batch: OperationBatch, sessionId: SessionId, sink: ResultSink, error: BigMapError): void {
  const execution = new BatchExecution(batch, sessionId, sink);
  for (let index = 0; index < batch.count; index++) execution.addError(index, error);
  execution.flush();
}
