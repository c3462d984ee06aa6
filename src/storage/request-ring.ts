import { assert } from "../base/errors.js";

/**
 * Requests, or answers, from one thread to another through shared memory: appending one costs a copy and a wake-up, where a message
 * between threads costs a serialization, a transfer and an event. One thread appends, one takes.
 *
 *     frame, 8-byte aligned:  kind u32 | payload bytes u32 | payload
 *
 * A frame never wraps: where the end of the ring is too near, a frame of kind 0 fills the rest. HOT.
 */
const frameHeaderBytes = 8;
const skipKind = 0;

/** Words in front of the ring: how many frames were appended, and how many bytes were given back (both wrap). */
const word = { appendedFrames: 0, releasedBytes: 1 } as const;
const controlBytes = 64;
/** A taker that was woken before there is a frame looks out for it so long, and sleeps again. */
const expectedWithinMs = 0.06;

/** `ringBytes` is a power of two, so that the counters of bytes may wrap. */
export function requestRingMemory(ringBytes: number): SharedArrayBuffer {
  assert(ringBytes >= frameHeaderBytes && (ringBytes & (ringBytes - 1)) === 0, "a ring's size is a power of two");
  return new SharedArrayBuffer(controlBytes + ringBytes);
}

/** The end of the thread that writes. */
export class RequestAppender {
  /** The payload that was reserved is written here, from `payloadStart` on, which is a multiple of 8. */
  readonly memory: Buffer;
  payloadStart = 0;
  readonly #control: Int32Array;
  /** Bytes ever appended (wraps at 2^32). */
  #appendedBytes = 0;
  /** As `reserve` read it last. */
  #releasedBytes = 0;
  #skippedBytes = 0;
  #payloadBytes = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, controlBytes / 4);
    this.memory = Buffer.from(memory as unknown as ArrayBuffer, controlBytes);
  }

  /** Appends a frame, copying the payload, and wakes the taker; false, and nothing done, where there is no room. `kind` is above 0. */
  append(kind: number, payload: Uint8Array): boolean {
    if (!this.reserve(payload.length)) return false;
    this.memory.set(payload, this.payloadStart);
    this.publish(kind);
    return true;
  }

  /**
   * Finds room for a frame, whose payload the caller writes to `memory` and then publishes; false where there is none. A frame of more
   * than half of the ring may find none in an empty one.
   */
  reserve(payloadBytes: number): boolean {
    const ringBytes = this.memory.length;
    const frameBytes = frameBytesOf(payloadBytes);
    const offset = this.#appendedBytes % ringBytes;
    this.#releasedBytes = Atomics.load(this.#control, word.releasedBytes);
    this.#skippedBytes = offset + frameBytes > ringBytes ? ringBytes - offset : 0;
    const usedBytes = (this.#appendedBytes - this.#releasedBytes) >>> 0;
    if (usedBytes + this.#skippedBytes + frameBytes > ringBytes) return false;
    this.payloadStart = (this.#skippedBytes > 0 ? 0 : offset) + frameHeaderBytes;
    this.#payloadBytes = payloadBytes;
    return true;
  }

  /** Hands the frame that was reserved to the taker, and wakes it. `kind` is above 0. */
  publish(kind: number): void {
    const skippedBytes = this.#skippedBytes;
    if (skippedBytes > 0) this.#header(this.memory.length - skippedBytes, skipKind, skippedBytes - frameHeaderBytes);
    this.#header(this.payloadStart - frameHeaderBytes, kind, this.#payloadBytes);
    this.#appendedBytes = (this.#appendedBytes + skippedBytes + frameBytesOf(this.#payloadBytes)) >>> 0;
    Atomics.add(this.#control, word.appendedFrames, skippedBytes > 0 ? 2 : 1);
    Atomics.notify(this.#control, word.appendedFrames);
  }

  /** Wakes the taker before there is a frame: one is to come within microseconds. */
  wake(): void {
    Atomics.notify(this.#control, word.appendedFrames);
  }

  /** Blocks the thread until memory was given back since `reserve` found too little. */
  waitForRoom(): void {
    Atomics.wait(this.#control, word.releasedBytes, this.#releasedBytes);
  }

  #header(offset: number, kind: number, payloadBytes: number): void {
    this.memory.writeUInt32LE(kind, offset);
    this.memory.writeUInt32LE(payloadBytes, offset + 4);
  }
}

/** The end of the other thread. */
export class RequestTaker {
  /** Of the frame that `take` took last; the payload is good until `release`. */
  kind = 0;
  payload: Buffer;
  readonly #control: Int32Array;
  readonly #ring: Buffer;
  #takenFrames = 0;
  #takenBytes = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, controlBytes / 4);
    this.#ring = Buffer.from(memory as unknown as ArrayBuffer, controlBytes);
    this.payload = this.#ring.subarray(0, 0);
  }

  /** Blocks the thread until there is a frame to take, or it was woken for one that does not come at once. */
  wait(): void {
    Atomics.wait(this.#control, word.appendedFrames, this.#takenFrames);
    if (!this.#isEmpty) return;
    const endMs = performance.now() + expectedWithinMs;
    while (this.#isEmpty && performance.now() < endMs);
  }

  get #isEmpty(): boolean {
    return Atomics.load(this.#control, word.appendedFrames) === this.#takenFrames;
  }

  /** Takes the next frame; false where there is none. */
  take(): boolean {
    while (!this.#isEmpty) {
      const offset = this.#takenBytes % this.#ring.length;
      const payloadBytes = this.#ring.readUInt32LE(offset + 4);
      const start = offset + frameHeaderBytes;
      this.kind = this.#ring.readUInt32LE(offset);
      this.payload = this.#ring.subarray(start, start + payloadBytes);
      this.#takenFrames = (this.#takenFrames + 1) | 0;
      this.#takenBytes = (this.#takenBytes + frameBytesOf(payloadBytes)) >>> 0;
      if (this.kind !== skipKind) return true;
    }
    return false;
  }

  /** Gives back the memory of every frame taken so far. */
  release(): void {
    Atomics.store(this.#control, word.releasedBytes, this.#takenBytes | 0);
    Atomics.notify(this.#control, word.releasedBytes);
  }
}

function frameBytesOf(payloadBytes: number): number {
  return (frameHeaderBytes + payloadBytes + 7) & ~7;
}
