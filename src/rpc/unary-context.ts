import type * as grpc from "@grpc/grpc-js";
import { BigMapError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { connectionTakenBytes, resetStream } from "./call-stream.js";
import type { CallContext } from "./service.js";
import type { Flow, StallWatch } from "./stall-watch.js";

/** A connection that took less between two looks took nothing: pings that it answers are bytes too. */
const leastTakenBytes = 1024;

/**
 * What a unary handler knows of its call. An abort signal is made only for who asks for it: most reads never wait. From the answer until
 * that has left it is a flow. An answer is one message, of which nobody is told how much was taken, and the answers of a connection
 * take turns on it; so it counts as taken from where the connection takes anything. HOT.
 */
export class UnaryContext implements CallContext, Flow {
  readonly sessionId: SessionId;
  readonly deadlineMs: number;
  readonly #call: grpc.ServerUnaryCall<Buffer, Buffer>;
  readonly #stalls: StallWatch;
  #connectionTakenBytes = 0;
  #controller: AbortController | undefined;
  #onLeft: (() => void) | undefined;
  #isAnswered = false;
  #hasLeft = false;

  constructor(call: grpc.ServerUnaryCall<Buffer, Buffer>, sessionId: SessionId, deadlineMs: number, stalls: StallWatch) {
    this.#call = call;
    this.#stalls = stalls;
    this.sessionId = sessionId;
    this.deadlineMs = deadlineMs;
    // gRPC says so once, of every call: when it has passed the last byte of the answer on, or the stream was closed.
    call.once("cancelled", () => this.#leave());
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#hasLeft) this.#giveUp();
    }
    return this.#controller.signal;
  }

  onLeft(run: () => void): void {
    if (this.#hasLeft) run();
    else this.#onLeft = run;
  }

  /** The answer was given to gRPC. `isTaken`: it will say when that has left; a stream that is closed already takes nothing. */
  answered(isTaken: boolean): void {
    this.#isAnswered = true;
    if (!isTaken) this.#leave();
    else if (!this.#hasLeft) this.#stalls.add(this);
  }

  tookSome(): boolean {
    const bytes = connectionTakenBytes(this.#call);
    const took = bytes - this.#connectionTakenBytes >= leastTakenBytes;
    this.#connectionTakenBytes = bytes;
    return took;
  }

  cutOff(): void {
    resetStream(this.#call);
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#stalls.remove(this);
    if (!this.#isAnswered) this.#giveUp();
    this.#onLeft?.();
    this.#onLeft = undefined;
  }

  #giveUp(): void {
    this.#controller?.abort(new BigMapError("CANCELLED", "The caller gave up"));
  }
}
