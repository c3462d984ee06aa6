import type { Clock } from "../base/clock.js";
import type { OperationTarget } from "../base/operation-batch.js";
import { PipeConnection, type UnsentAnswers } from "./pipe-connection.js";
import { widenReceiveWindow } from "./receive-window.js";
import type { PipeCall } from "./service.js";
import type { SessionCounter } from "./session-counter.js";

export interface PipeServerPorts {
  readonly target: OperationTarget;
  readonly sessions: SessionCounter;
  readonly clock: Clock;
}

/** All open pipes of a server. Each is a session: its operations on one key keep their order. */
export class PipeServer {
  readonly #ports: PipeServerPorts;
  readonly #connections = new Set<PipeConnection>();
  readonly #allUnsent: UnsentAnswers = { bytes: 0 };
  #draining = false;
  #onIdle: (() => void) | undefined;

  constructor(ports: PipeServerPorts) {
    this.#ports = ports;
  }

  get openPipes(): number {
    return this.#connections.size;
  }

  accept(call: PipeCall): void {
    widenReceiveWindow(call);
    const { target, clock, sessions } = this.#ports;
    const connection: PipeConnection = new PipeConnection(call, {
      target,
      clock,
      sessionId: sessions.next(),
      allUnsent: this.#allUnsent,
      onEnd: () => this.#forget(connection),
    });
    this.#connections.add(connection);
    if (this.#draining) connection.drain();
  }

  /** Ends every pipe in order; resolves when the last has ended. */
  drain(): Promise<void> {
    this.#draining = true;
    for (const connection of this.#connections) connection.drain();
    return this.#connections.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#onIdle = resolve));
  }

  #forget(connection: PipeConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onIdle?.();
  }
}
