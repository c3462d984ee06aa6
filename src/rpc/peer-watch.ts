import { fstatSync } from "node:fs";
import type { Socket } from "node:net";
import type { CancelTimer, Clock } from "../base/clock.js";
import { readUnacknowledged } from "./unacknowledged.js";

const lookMs = 2_000;
/** Looks in a row at which nothing had come: a ping leaves every 20 s, and has 10 s for its answer. */
const silentLooksMost = 16;
/** From so many on it is watched whether bytes leave. */
const doubtedLooks = 11;
/** Looks in a row at which nothing had left. */
const stillLooksMost = 5;
/** Bytes that left, and that a proxy may hold: it has a look's time for so many, which are 32 KiB a second. */
const proxyBytesPerLook = 64 * 1024;

/** A connection, as far as the watch looks at it. */
export interface Peer {
  /** That have come. */
  readonly bytesRead: number;
  /** That the system took over. */
  readonly bytesHanded: number;
  /** Of its socket; undefined where the system has no such number. */
  readonly inode: number | undefined;
  cutOff(): void;
}

interface Watched {
  readonly peer: Peer;
  bytesRead: number;
  handedAtRead: number;
  /** Bytes that left at most: that were acknowledged, where the system tells. */
  bytesLeft: number;
  silentLooks: number;
  stillLooks: number;
}

/**
 * Cuts off the connections of which the other end has gone without a word: after half a minute in which nothing came, and some 10 s in
 * which nothing left. gRPC's library gives a ping 10 s for its answer, however much is under way: but a ping waits behind all that was
 * handed to the system before, and so does its answer at the other end; 4 MiB are 42 s of a link of 100 kB/s. And node's HTTP/2 reads
 * nothing while it writes. Here the library only sends the pings, so that something comes of everybody who is there. What left is what was
 * acknowledged, where the system tells: what it took is no sign of life, it takes some MiB for a peer that has gone. What a proxy
 * acknowledged may still be on its way, which is allowed for. Looks are counted, not time: after a pause of this process itself nobody is
 * to blame.
 */
export class PeerWatch {
  readonly #clock: Clock;
  readonly #readUnacknowledged: () => Promise<ReadonlyMap<number, number>>;
  readonly #watched = new Map<Peer, Watched>();
  #cancelTimer: CancelTimer | undefined;
  #isReading = false;

  constructor(clock: Clock, unacknowledged = readUnacknowledged) {
    this.#clock = clock;
    this.#readUnacknowledged = unacknowledged;
  }

  add(peer: Peer): void {
    const { bytesRead, bytesHanded } = peer;
    this.#watched.set(peer, { peer, bytesRead, handedAtRead: bytesHanded, bytesLeft: -1, silentLooks: 0, stillLooks: 0 });
    this.#cancelTimer ??= this.#clock.setTimer(lookMs, () => this.#look());
  }

  /** It has ended. */
  remove(peer: Peer): void {
    this.#watched.delete(peer);
    if (this.#watched.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** Until it is closed. */
  addSocket(socket: Socket): void {
    if (socket.closed) return;
    const peer = new SocketPeer(socket);
    this.add(peer);
    socket.once("close", () => this.remove(peer));
  }

  #look(): void {
    this.#cancelTimer = this.#clock.setTimer(lookMs, () => this.#look());
    const doubted: Watched[] = [];
    for (const watched of this.#watched.values()) if (isSilent(watched)) doubted.push(watched);
    // A system that takes longer than a look to tell gives everybody more time.
    if (doubted.length > 0 && !this.#isReading) void this.#judge(doubted);
  }

  async #judge(doubted: readonly Watched[]): Promise<void> {
    this.#isReading = true;
    // Before: what is handed over meanwhile must not seem to have left.
    const handed = doubted.map(({ peer }) => peer.bytesHanded);
    const unacknowledged = await this.#readUnacknowledged();
    this.#isReading = false;
    for (const [i, watched] of doubted.entries()) {
      const { peer } = watched;
      const waitingBytes = peer.inode === undefined ? 0 : (unacknowledged.get(peer.inode) ?? 0);
      if (this.#watched.has(peer) && hasGone(watched, (handed[i] as number) - waitingBytes)) peer.cutOff();
    }
  }
}

/** Counts a look at it; whether nothing has come for so long that what leaves is to be watched. */
function isSilent(watched: Watched): boolean {
  const { bytesRead, bytesHanded } = watched.peer;
  if (bytesRead === watched.bytesRead) return ++watched.silentLooks >= doubtedLooks;
  watched.bytesRead = bytesRead;
  watched.handedAtRead = bytesHanded;
  watched.bytesLeft = -1;
  watched.silentLooks = watched.stillLooks = 0;
  return false;
}

function hasGone(watched: Watched, bytesLeft: number): boolean {
  if (watched.peer.bytesRead !== watched.bytesRead) return false;
  if (bytesLeft > watched.bytesLeft) {
    watched.bytesLeft = bytesLeft;
    watched.stillLooks = 0;
  } else watched.stillLooks++;
  const proxyBytes = Math.max(0, watched.bytesLeft - watched.handedAtRead);
  const silentLooks = silentLooksMost + Math.floor(proxyBytes / proxyBytesPerLook);
  return watched.stillLooks >= stillLooksMost && watched.silentLooks >= silentLooks;
}

class SocketPeer implements Peer {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  get bytesHanded(): number {
    return this.#socket.bytesWritten - (handleOf(this.#socket)?.writeQueueSize ?? 0);
  }

  get inode(): number | undefined {
    const fd = handleOf(this.#socket)?.fd ?? -1;
    try {
      return fd < 0 ? undefined : fstatSync(fd).ino;
    } catch {
      return undefined;
    }
  }

  cutOff(): void {
    this.#socket.destroy();
  }
}

/** What node keeps to itself: what the system has not taken of the writes, and the socket's number. */
function handleOf(socket: Socket): { readonly writeQueueSize?: number; readonly fd?: number } | undefined {
  return (socket as { readonly _handle?: { readonly writeQueueSize?: number; readonly fd?: number } })._handle;
}
