import type { ServerInterceptor, ServerInterceptingCall } from "@grpc/grpc-js";
import type { CancelTimer, Clock } from "../base/clock.js";
import { limits } from "../base/limits.js";
import { onMessageParts, resetStream, streamOf } from "./call-stream.js";

/** How often it looks, while anything is under way. */
const lookMs = 1_000;

/** A message under way, or a call whose only message has not begun to come. */
interface Arrival {
  readonly call: object;
  heldBytes: number;
  /** Monotonic: since when it is under way, and when more of it was seen last. */
  sinceMs: number;
  movedMs: number;
  hasMoved: boolean;
}

/**
 * The messages of a server's callers of which a part has come. gRPC's library keeps the part until the rest is there, however long that
 * is, and tells nobody. Here a call is cut off when no more of its message comes for `streamStallMostMs`; past
 * `partialMessagesTargetBytes` of all calls, when its message takes longer than `partialMessageCrowdedMs`, those first that take longest;
 * and past `partialMessagesMaxBytes` at once. What waits because the server itself does not read is not looked at. HOT: `#parts`.
 */
export class PartialMessages {
  readonly #clock: Clock;
  /** In the order in which they began. */
  readonly #arrivals = new Set<Arrival>();
  #heldBytes = 0;
  #cancelTimer: CancelTimer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Of all calls. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** For the server; to be the first of its interceptors. */
  readonly interceptor: ServerInterceptor = (method, call) => {
    const arrival: Arrival = { call: { call }, heldBytes: 0, sinceMs: 0, movedMs: 0, hasMoved: false };
    const stream = onMessageParts(call, (partBytes, wasCompleted) => this.#parts(arrival, partBytes, wasCompleted));
    stream?.once("close", () => this.#remove(arrival));
    if (stream !== undefined && !method.requestStream) this.#add(arrival, limits.partialMessageLeastBytes);
    // It takes any call, though its type says otherwise.
    return call as ServerInterceptingCall;
  };

  #parts(arrival: Arrival, partBytes: number, wasCompleted: boolean): void {
    if (partBytes === 0) return this.#remove(arrival);
    if (wasCompleted) this.#remove(arrival);
    arrival.hasMoved = true;
    this.#add(arrival, limits.partialMessageLeastBytes + partBytes);
    if (this.#heldBytes > limits.partialMessagesMaxBytes) this.#cutOffOldest(limits.partialMessagesMaxBytes, 0);
  }

  /** Adds it, or says how much it has come to. */
  #add(arrival: Arrival, heldBytes: number): void {
    this.#heldBytes += heldBytes - arrival.heldBytes;
    arrival.heldBytes = heldBytes;
    if (this.#arrivals.has(arrival)) return;
    arrival.sinceMs = arrival.movedMs = this.#clock.monotonicMs();
    this.#arrivals.add(arrival);
    this.#cancelTimer ??= this.#clock.setTimer(lookMs, () => this.#look());
  }

  #remove(arrival: Arrival): void {
    if (!this.#arrivals.delete(arrival)) return;
    this.#heldBytes -= arrival.heldBytes;
    arrival.heldBytes = 0;
  }

  #look(): void {
    this.#cancelTimer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const arrival of this.#arrivals) {
      if (arrival.hasMoved || isPaused(arrival)) arrival.movedMs = nowMs;
      arrival.hasMoved = false;
      if (nowMs - arrival.movedMs >= limits.streamStallMostMs) this.#cutOff(arrival);
    }
    this.#cutOffOldest(limits.partialMessagesTargetBytes, limits.partialMessageCrowdedMs);
    if (this.#arrivals.size > 0) this.#cancelTimer = this.#clock.setTimer(lookMs, () => this.#look());
  }

  /** Until no more than so many bytes are held, of those that are older. */
  #cutOffOldest(mostBytes: number, leastAgeMs: number): void {
    if (this.#heldBytes <= mostBytes) return;
    const before = this.#clock.monotonicMs() - leastAgeMs;
    for (const arrival of this.#arrivals) {
      if (this.#heldBytes <= mostBytes || arrival.sinceMs > before) return;
      if (!isPaused(arrival)) this.#cutOff(arrival);
    }
  }

  #cutOff(arrival: Arrival): void {
    this.#remove(arrival);
    resetStream(arrival.call);
  }
}

/** Whether the server itself does not read what comes: of a pipe whose client does not read, or asks for too much at once. */
function isPaused(arrival: Arrival): boolean {
  return streamOf(arrival.call)?.isPaused() ?? false;
}
