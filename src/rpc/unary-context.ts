import type * as grpc from "@grpc/grpc-js";
import { BigMapError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import type { CallContext } from "./service.js";

/** What a unary handler knows of its call. An abort signal is made only for who asks for it: most reads never wait. HOT. */
export class UnaryContext implements CallContext {
  readonly sessionId: SessionId;
  readonly deadlineMs: number;
  readonly #call: grpc.ServerUnaryCall<Buffer, Buffer>;
  #controller: AbortController | undefined;
  #onLeft: (() => void) | undefined;
  #isAnswered = false;
  #hasLeft = false;

  constructor(call: grpc.ServerUnaryCall<Buffer, Buffer>, sessionId: SessionId, deadlineMs: number) {
    this.#call = call;
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
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    if (!this.#isAnswered) this.#giveUp();
    this.#onLeft?.();
    this.#onLeft = undefined;
  }

  #giveUp(): void {
    this.#controller?.abort(new BigMapError("CANCELLED", "The caller gave up"));
  }
}
