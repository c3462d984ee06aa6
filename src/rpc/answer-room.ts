import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import { ConnectionRoom, type ConnectionShare } from "./connection-room.js";

/** Room that an answer has until it has left, or never will. */
export interface TakenRoom {
  /** So much it is now. Errors: OVERLOADED, and it keeps what it had. */
  grow(bytes: number): void;
  /** Gives all of it back, once. */
  give(): void;
}

/**
 * Bounds answers that take far more memory than the calls that ask for them, until their readers have taken them: rings and topologies.
 * Past it a call is refused, which costs its caller a retry; the next message of a stream waits.
 */
export class AnswerRoom {
  readonly #room: ConnectionRoom;

  constructor(maxBytes: number = limits.largeAnswersMaxBytes) {
    this.#room = new ConnectionRoom(maxBytes);
  }

  /** Of answers that have not left. */
  get bytes(): number {
    return this.#room.bytes;
  }

  /** That have an answer, or wait for room. */
  get connections(): number {
    return this.#room.connections;
  }

  /** Errors: OVERLOADED. */
  take(peer: string, bytes: number): TakenRoom {
    const share = this.#room.shareOf(peer);
    if (!this.#room.fits(share, bytes)) {
      this.#room.forget(share);
      throw this.#overloaded();
    }
    this.#room.change(share, bytes);
    return this.#taken(share, bytes);
  }

  /** As soon as there is room: connections take turns. Rejects with the signal's reason when that is aborted first. */
  async takeInTurn(peer: string, bytes: number, signal: AbortSignal): Promise<TakenRoom> {
    const share = this.#room.shareOf(peer);
    if (share.waiting.size === 0 && this.#room.fits(share, bytes)) this.#room.change(share, bytes);
    else await this.#room.turn(share, () => bytes, signal);
    return this.#taken(share, bytes);
  }

  #taken(share: ConnectionShare, takenBytes: number): TakenRoom {
    let bytes = takenBytes;
    const change = (to: number): void => {
      const added = to - bytes;
      bytes = to;
      this.#room.change(share, added);
    };
    return {
      grow: (to) => {
        if (!this.#room.fits(share, to, bytes)) throw this.#overloaded();
        change(to);
      },
      give: () => change(0),
    };
  }

  #overloaded(): BigMapError {
    return new BigMapError("OVERLOADED", `Large answers of ${this.#room.bytes} bytes have not left for the network`);
  }
}
