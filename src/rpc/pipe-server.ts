import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import type { OperationTarget } from "../base/operation-batch.js";
import { isBackground } from "./background.js";
import { widenReceiveWindow } from "./call-stream.js";
import { toGrpcStatus } from "./grpc-status.js";
import { PipeConnection, type UnsentAnswers } from "./pipe-connection.js";
import type { PipeCall } from "./service.js";
import type { SessionCounter } from "./session-counter.js";
import { SharedRoom } from "./shared-room.js";
import { StallWatch } from "./stall-watch.js";

/** Where operations wait while others go before them. */
export interface BackgroundTarget extends OperationTarget {
  /** The session has ended: what of it has not begun is dropped, and never answered. */
  drop(sessionId: SessionId): void;
}

export interface PipeServerPorts {
  readonly target: OperationTarget;
  /** For the operations of clients that give way to others; by default they do not. */
  readonly backgroundTarget?: BackgroundTarget;
  readonly sessions: SessionCounter;
  readonly clock: Clock;
}

/** All open pipes of a server. Each is a session: its operations on one key keep their order. */
export class PipeServer {
  readonly #ports: PipeServerPorts;
  readonly #connections = new Set<PipeConnection>();
  readonly #allUnsent: UnsentAnswers = { bytes: 0 };
  readonly #sharedRoom = new SharedRoom();
  /** Those in the background wait in their target: what they have under way is not in the way of others. */
  readonly #backgroundRoom = new SharedRoom();
  readonly #stalls: StallWatch;
  #draining = false;
  #onIdle: (() => void) | undefined;

  constructor(ports: PipeServerPorts) {
    this.#ports = ports;
    this.#stalls = new StallWatch(ports.clock);
  }

  get openPipes(): number {
    return this.#connections.size;
  }

  accept(call: PipeCall): void {
    if (this.#connections.size >= limits.pipesMost) {
      call.emit("error", toGrpcStatus(new BigMapError("OVERLOADED", `There are ${limits.pipesMost} pipes already`)));
      return;
    }
    widenReceiveWindow(call);
    const { target, clock, sessions } = this.#ports;
    const background = isBackground(call.metadata) ? this.#ports.backgroundTarget : undefined;
    const sessionId = sessions.next();
    const connection: PipeConnection = new PipeConnection(call, {
      target: background ?? target,
      clock,
      sessionId,
      allUnsent: this.#allUnsent,
      sharedRoom: background === undefined ? this.#sharedRoom : this.#backgroundRoom,
      stalls: this.#stalls,
      onEnd: () => {
        background?.drop(sessionId);
        this.#forget(connection);
      },
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
