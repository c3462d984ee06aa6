import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";

/** Room that an answer has until it has left, or never will. */
export interface TakenRoom {
  /** So much it is now. Errors: OVERLOADED, and it keeps what it had. */
  grow(bytes: number): void;
  /** Gives all of it back, once. */
  give(): void;
}

interface Connection {
  readonly peer: string;
  bytes: number;
  /** Answers that wait for room. */
  readonly waiting: Set<Waiting>;
}

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

/** A connection may have this part of what is free. */
const shareOfFree = 1 / 3;
/** A connection's only answer may enter past the bound, up to this multiple of it: dozens of stalled connections do not stop another. */
const boundOfFirsts = 2;

/**
 * Bounds answers that take far more memory than the calls that ask for them, until their readers have taken them: rings and topologies.
 * Those of a connection have no more bytes than a third of what is free of all, or it is a single one; all together keep to twice the
 * bound. Past it a call is refused, which costs its caller a retry; the next message of a stream waits.
 */
export class AnswerRoom {
  readonly #maxBytes: number;
  readonly #connections = new Map<string, Connection>();
  /** Those with answers that wait. */
  readonly #lines = new Set<Connection>();
  #bytes = 0;

  constructor(maxBytes: number = limits.largeAnswersMaxBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Of answers that have not left. */
  get bytes(): number {
    return this.#bytes;
  }

  /** That have an answer, or wait for room. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Errors: OVERLOADED. */
  take(peer: string, bytes: number): TakenRoom {
    if (!this.#fits(this.#connections.get(peer)?.bytes ?? 0, this.#bytes, bytes)) throw this.#overloaded();
    return this.#enter(this.#connectionOf(peer), bytes);
  }

  /** As soon as there is room: connections take turns. Rejects with the signal's reason when that is aborted first. */
  takeInTurn(peer: string, bytes: number, signal: AbortSignal): Promise<TakenRoom> {
    const connection = this.#connectionOf(peer);
    if (connection.waiting.size === 0 && this.#fits(connection.bytes, this.#bytes, bytes)) {
      return Promise.resolve(this.#enter(connection, bytes));
    }
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        connection.waiting.delete(waiting);
        if (connection.waiting.size === 0) this.#lines.delete(connection);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        settle();
        this.#forget(connection);
        reject(signal.reason as Error);
      };
      const enter = (): void => {
        settle();
        resolve(this.#enter(connection, bytes));
      };
      const waiting: Waiting = { bytes, enter };
      connection.waiting.add(waiting);
      this.#lines.add(connection);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  #connectionOf(peer: string): Connection {
    let connection = this.#connections.get(peer);
    if (connection === undefined) {
      connection = { peer, bytes: 0, waiting: new Set() };
      this.#connections.set(peer, connection);
    }
    return connection;
  }

  /** `ownBytes`: what the connection has beside; `allBytes`: what all have beside. */
  #fits(ownBytes: number, allBytes: number, bytes: number): boolean {
    if (ownBytes === 0) return allBytes < boundOfFirsts * this.#maxBytes;
    return ownBytes + bytes <= (this.#maxBytes - allBytes) * shareOfFree;
  }

  #enter(connection: Connection, takenBytes: number): TakenRoom {
    let bytes = 0;
    const change = (to: number): void => {
      const added = to - bytes;
      bytes = to;
      this.#change(connection, added);
    };
    change(takenBytes);
    return {
      grow: (to) => {
        if (!this.#fits(connection.bytes - bytes, this.#bytes - bytes, to)) throw this.#overloaded();
        change(to);
      },
      give: () => change(0),
    };
  }

  #change(connection: Connection, bytes: number): void {
    connection.bytes += bytes;
    this.#bytes += bytes;
    if (bytes >= 0) return;
    if (this.#lines.size > 0) this.#admit();
    this.#forget(connection);
  }

  /** One of each connection in turn, as long as any fits. */
  #admit(): void {
    for (const connection of this.#lines) {
      const [first] = connection.waiting;
      if (first === undefined || !this.#fits(connection.bytes, this.#bytes, first.bytes)) continue;
      first.enter();
      // To the end of the line; this loop comes by again.
      if (this.#lines.delete(connection)) this.#lines.add(connection);
    }
  }

  #forget(connection: Connection): void {
    if (connection.bytes === 0 && connection.waiting.size === 0) this.#connections.delete(connection.peer);
  }

  #overloaded(): BigMapError {
    return new BigMapError("OVERLOADED", `Large answers of ${this.#bytes} bytes have not left for the network`);
  }
}
