import { assert } from "../base/errors.js";

/**
 * Requests from one thread to another through shared memory: appending one costs a copy and a wake-up, where a message between threads
 * costs a serialization, a transfer and an event. One thread appends, one takes.
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

/** `ringBytes` is a power of two, so that the counters of bytes may wrap. */
export function requestRingMemory(ringBytes: number): SharedArrayBuffer {
  assert(ringBytes >= frameHeaderBytes && (ringBytes & (ringBytes - 1)) === 0, "a ring's size is a power of two");
  return new SharedArrayBuffer(controlBytes + ringBytes);
}

/** The end of the thread that asks. */
export class RequestAppender {
  readonly #control: Int32Array;
  readonly #ring: Buffer;
  /** Bytes ever appended (wraps at 2^32). */
  #appendedBytes = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, controlBytes / 4);
    this.#ring = Buffer.from(memory as unknown as ArrayBuffer, controlBytes);
  }

  /** Appends a frame, copying the payload, and wakes the taker; false, and nothing done, where there is no room. `kind` is above 0. */
  append(kind: number, payload: Uint8Array): boolean {
    const ringBytes = this.#ring.length;
    const frameBytes = (frameHeaderBytes + payload.length + 7) & ~7;
    let offset = this.#appendedBytes % ringBytes;
    const skippedBytes = offset + frameBytes > ringBytes ? ringBytes - offset : 0;
    const usedBytes = (this.#appendedBytes - Atomics.load(this.#control, word.releasedBytes)) >>> 0;
    if (usedBytes + skippedBytes + frameBytes > ringBytes) return false;
    if (skippedBytes > 0) {
      this.#header(offset, skipKind, skippedBytes - frameHeaderBytes);
      offset = 0;
    }
    this.#header(offset, kind, payload.length);
    this.#ring.set(payload, offset + frameHeaderBytes);
    this.#appendedBytes = (this.#appendedBytes + skippedBytes + frameBytes) >>> 0;
    Atomics.add(this.#control, word.appendedFrames, skippedBytes > 0 ? 2 : 1);
    Atomics.notify(this.#control, word.appendedFrames);
    return true;
  }

  #header(offset: number, kind: number, payloadBytes: number): void {
    this.#ring.writeUInt32LE(kind, offset);
    this.#ring.writeUInt32LE(payloadBytes, offset + 4);
  }
}

/** The end of the thread that answers; it may block. */
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

  /** Blocks the thread until there is a frame to take. */
  wait(): void {
    Atomics.wait(this.#control, word.appendedFrames, this.#takenFrames);
  }

  /** Takes the next frame; false where there is none. */
  take(): boolean {
    while (Atomics.load(this.#control, word.appendedFrames) !== this.#takenFrames) {
      const offset = this.#takenBytes % this.#ring.length;
      const payloadBytes = this.#ring.readUInt32LE(offset + 4);
      const start = offset + frameHeaderBytes;
      this.kind = this.#ring.readUInt32LE(offset);
      this.payload = this.#ring.subarray(start, start + payloadBytes);
      this.#takenFrames = (this.#takenFrames + 1) | 0;
      this.#takenBytes = (this.#takenBytes + ((frameHeaderBytes + payloadBytes + 7) & ~7)) >>> 0;
      if (this.kind !== skipKind) return true;
    }
    return false;
  }

  /** Gives back the memory of every frame taken so far. */
  release(): void {
    Atomics.store(this.#control, word.releasedBytes, this.#takenBytes | 0);
  }
}
