/** What one connection has of a room, and who waits for more of it. */
export interface ConnectionShare {
  readonly peer: string;
  bytes: number;
  readonly waiting: Set<Waiting>;
}

interface Waiting {
  /** How much it would take now. */
  readonly bytesOf: () => number;
  /** Its bytes are taken. */
  readonly enter: (bytes: number) => void;
  readonly refuse: (error: Error) => void;
}

/** A connection may have this part of what is free. */
const shareOfFree = 1 / 3;
/** A connection's only answer may enter past the bound, up to this multiple of it: dozens of stalled connections do not stop another. */
const boundOfFirsts = 2;

/**
 * Memory for answers that stay until their connection takes them, however slow its reader is. Those of a connection have no more bytes than
 * a third of what is free of all, or it is a single one; connections that wait take turns. So stalled connections leave room for others,
 * and all together keep to twice the bound. HOT: all but `turn`.
 */
export class ConnectionRoom {
  readonly #maxBytes: number;
  readonly #shares = new Map<string, ConnectionShare>();
  /** Those with somebody who waits. */
  readonly #lines = new Set<ConnectionShare>();
  #bytes = 0;
  #waiting = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get connections(): number {
    return this.#shares.size;
  }

  /** Made where there is none; `forget` it where nothing comes of it. */
  shareOf(peer: string): ConnectionShare {
    let share = this.#shares.get(peer);
    if (share === undefined) {
      share = { peer, bytes: 0, waiting: new Set() };
      this.#shares.set(peer, share);
    }
    return share;
  }

  /** Whether there is room for so many bytes more; or in place of so many that are the connection's already. */
  fits(share: ConnectionShare, bytes: number, replacedBytes = 0): boolean {
    const ownBytes = share.bytes - replacedBytes;
    const allBytes = this.#bytes - replacedBytes;
    if (ownBytes === 0) return allBytes < boundOfFirsts * this.#maxBytes;
    return ownBytes + bytes <= (this.#maxBytes - allBytes) * shareOfFree;
  }

  /** Takes bytes, whether they fit or not, or gives some back. */
  change(share: ConnectionShare, bytes: number): void {
    share.bytes += bytes;
    this.#bytes += bytes;
    if (bytes >= 0) return;
    if (this.#lines.size > 0) this.#admit();
    this.forget(share);
  }

  /** Takes bytes as soon as they fit: how many. Rejects with the signal's reason when that is aborted first, or as `refuseWaiting` says. */
  turn(share: ConnectionShare, bytesOf: () => number, signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        share.waiting.delete(waiting);
        this.#waiting--;
        if (share.waiting.size === 0) this.#lines.delete(share);
        signal.removeEventListener("abort", onAbort);
      };
      const enter = (bytes: number): void => {
        settle();
        this.change(share, bytes);
        resolve(bytes);
      };
      const refuse = (error: Error): void => {
        settle();
        this.forget(share);
        reject(error);
      };
      const onAbort = (): void => refuse(signal.reason as Error);
      const waiting: Waiting = { bytesOf, enter, refuse };
      share.waiting.add(waiting);
      this.#lines.add(share);
      this.#waiting++;
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  refuseWaiting(errorOf: () => Error): void {
    for (const { waiting } of this.#lines) for (const { refuse } of waiting) refuse(errorOf());
  }

  forget(share: ConnectionShare): void {
    if (share.bytes === 0 && share.waiting.size === 0) this.#shares.delete(share.peer);
  }

  /** One of each connection in turn, as long as one has room. */
  #admit(): void {
    for (const share of this.#lines) {
      const [first] = share.waiting;
      if (first === undefined) continue;
      const bytes = first.bytesOf();
      if (!this.fits(share, bytes)) continue;
      first.enter(bytes);
      // To the end of the line; this loop comes by again.
      if (this.#lines.delete(share)) this.#lines.add(share);
    }
  }
}
