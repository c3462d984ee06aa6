import type { ServerInterceptor, ServerInterceptingCall } from "@grpc/grpc-js";
import type { CancelTimer, Clock } from "../base/clock.js";
import { limits } from "../base/limits.js";
import { onMessageParts, resetStream, streamOf } from "./call-stream.js";

/** How often it looks, while anything is under way. */
const lookMs = 1_000;

/** The library holds the message itself, and what it was decoded to. */
const wholeMessageTimes = 2;

/** A message under way, or a call of which only one may come and that is not whole: its end is to come, if not all of it. */
interface Arrival {
  readonly call: object;
  heldBytes: number;
  /** How much of it is for whole messages, which are carried out when the call's end has come. */
  wholeBytes: number;
  /** Monotonic: since when it is under way, and when more of it was seen last. */
  sinceMs: number;
  movedMs: number;
  /** Since the last look. */
  cameBytes: number;
}

/**
 * The messages of a server's callers of which a part has come, and the messages of calls that send but one, until their end is told
 * (END_STREAM): gRPC's library keeps both until the rest is there, however long that is, and tells nobody. Here a call is cut off when
 * nothing more of it comes for `streamStallMostMs`; past `partialMessagesTargetBytes` of all calls, when it took `partialMessageCrowdedMs`
 * and hardly comes on; and past `partialMessagesMaxBytes` at once the one of the larger that began last, so that the others can end.
 * What waits because the server itself does not read is not looked at. HOT: `#partsOfMany`.
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
    const arrival: Arrival = { call: { call }, heldBytes: 0, wholeBytes: 0, sinceMs: 0, movedMs: 0, cameBytes: 0 };
    const onParts = method.requestStream ? this.#partsOfMany : this.#partsOfOne;
    const stream = onMessageParts(call, (partBytes, wholeBytes) => onParts.call(this, arrival, partBytes, wholeBytes));
    stream?.once("close", () => this.#remove(arrival));
    if (stream !== undefined && !method.requestStream) {
      this.#add(arrival, limits.partialMessageLeastBytes);
      stream.once("end", () => this.#remove(arrival));
    }
    // It takes any call, though its type says otherwise.
    return call as ServerInterceptingCall;
  };

  /** Of a call that sends any number of messages: each is carried out when it is whole. */
  #partsOfMany(arrival: Arrival, partBytes: number, wholeBytes: number): void {
    if (partBytes === 0) return this.#remove(arrival);
    if (wholeBytes > 0) this.#remove(arrival);
    this.#moved(arrival, partBytes);
  }

  #partsOfOne(arrival: Arrival, partBytes: number, wholeBytes: number): void {
    arrival.wholeBytes += wholeBytes * wholeMessageTimes;
    this.#moved(arrival, arrival.wholeBytes + partBytes);
  }

  #moved(arrival: Arrival, bytes: number): void {
    const heldBytes = limits.partialMessageLeastBytes + bytes;
    arrival.cameBytes += Math.max(1, heldBytes - arrival.heldBytes);
    this.#add(arrival, heldBytes);
    if (this.#heldBytes > limits.partialMessagesMaxBytes) this.#cutOffYoungest();
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
      const isStalled = arrival.cameBytes === 0 && !isPaused(arrival);
      if (!isStalled) arrival.movedMs = nowMs;
      const isCrowded = this.#heldBytes > limits.partialMessagesTargetBytes && isSlow(arrival, nowMs);
      arrival.cameBytes = 0;
      if (isCrowded || nowMs - arrival.movedMs >= limits.streamStallMostMs) this.#cutOff(arrival);
    }
    if (this.#arrivals.size > 0) this.#cancelTimer = this.#clock.setTimer(lookMs, () => this.#look());
  }

  /** Of those that hold as much as the others or more, until there is room: to cut off a small one would make none. */
  #cutOffYoungest(): void {
    const meanBytes = this.#heldBytes / this.#arrivals.size;
    for (const arrival of [...this.#arrivals].reverse()) {
      if (this.#heldBytes <= limits.partialMessagesMaxBytes) return;
      if (arrival.heldBytes >= meanBytes && !isPaused(arrival)) this.#cutOff(arrival);
    }
  }

  #cutOff(arrival: Arrival): void {
    this.#remove(arrival);
    resetStream(arrival.call);
  }
}

/** Whether it takes long and hardly comes on, though the server reads. */
function isSlow(arrival: Arrival, nowMs: number): boolean {
  const tookLong = nowMs - arrival.sinceMs >= limits.partialMessageCrowdedMs;
  return tookLong && arrival.cameBytes < limits.partialMessageCrowdedBytes && !isPaused(arrival);
}

/** Whether the server itself does not read what comes: of a pipe whose client does not read, or asks for too much at once. */
function isPaused(arrival: Arrival): boolean {
  return streamOf(arrival.call)?.isPaused() ?? false;
}
