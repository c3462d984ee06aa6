import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import { getRingResponseCodec } from "../proto/ring-codec.js";
import { topologyResponseCodec } from "../proto/topology-codec.js";
import type { Ring } from "../ring/ring.js";
import type { MapRing, ReplicaDescription, RouterBackend } from "../ring/topology.js";
import type { AnswerRoom } from "../rpc/answer-room.js";
import type { StreamCallContext, UnaryCallContext } from "../rpc/service.js";
import { SharedWork } from "../rpc/shared-work.js";

/** What a call for a topology counts until that is made. */
const callBytes = 1024;

/**
 * The router's large answers, as bytes: they grow with the canisters, up to some hundred bytes for each, and anybody asks for them with
 * fifty. A ring is encoded once and shared by all who ask for it; so is a topology by those who ask at the same time. Until their readers
 * have taken them all answers together are bounded, and a watch has one at most.
 */
export class RouterAnswers {
  readonly #router: RouterBackend;
  readonly #room: AnswerRoom;
  readonly #topologies: SharedWork<Buffer>;
  readonly #rings = new WeakMap<Ring, EncodedRing>();
  #watches = 0;

  constructor(router: RouterBackend, clock: Clock, room: AnswerRoom) {
    this.#router = router;
    this.#room = room;
    this.#topologies = new SharedWork(clock);
  }

  /** Errors: MAP_NOT_FOUND, OVERLOADED. */
  async ring(map: string, context: AnswerContext): Promise<Buffer> {
    const bytes = this.#encoded(await this.#router.getRing(map));
    const room = this.#room.take(context.peer, bytes.length);
    context.onLeft(() => room.give());
    return bytes;
  }

  /**
   * The current ring, then the newest one whenever the reader has taken the one before it and there is room. Errors: MAP_NOT_FOUND, also
   * when the map is dropped; OVERLOADED before the first ring.
   */
  async *rings(map: string, { peer, signal }: WatchContext): AsyncGenerator<Buffer, void, undefined> {
    if (this.#watches >= limits.watchesMost) throw new BigMapError("OVERLOADED", `${limits.watchesMost} rings are watched already`);
    this.#watches++;
    try {
      let isFirst = true;
      for await (const mapRing of this.#router.watchRing(map, signal)) {
        const bytes = this.#encoded(mapRing);
        const room = isFirst ? this.#room.take(peer, bytes.length) : await this.#room.takeInTurn(peer, bytes.length, signal);
        isFirst = false;
        try {
          yield bytes;
        } finally {
          room.give();
        }
      }
    } finally {
      this.#watches--;
    }
  }

  /** Of one map, or of all. Errors: MAP_NOT_FOUND, OVERLOADED. */
  async topology(map: string | undefined, context: AnswerContext): Promise<Buffer> {
    const room = this.#room.take(context.peer, callBytes);
    context.onLeft(() => room.give());
    const bytes = await this.#topologies.share(map ?? "", async () => topologyResponseCodec.encode(await this.#router.getTopology(map)));
    room.grow(bytes.length);
    return bytes;
  }

  /** The answers to GetRing and WatchRing are the same bytes. */
  #encoded(mapRing: MapRing): Buffer {
    const { ring, replicas } = mapRing;
    const known = this.#rings.get(ring);
    if (known !== undefined && isSame(known.replicas, replicas)) return known.bytes;
    const bytes = getRingResponseCodec.encode(mapRing);
    this.#rings.set(ring, { replicas, bytes });
    return bytes;
  }
}

type AnswerContext = Pick<UnaryCallContext, "peer" | "onLeft">;
type WatchContext = Pick<StreamCallContext, "peer" | "signal">;

interface EncodedRing {
  readonly replicas: readonly ReplicaDescription[];
  readonly bytes: Buffer;
}

function isSame(left: readonly ReplicaDescription[], right: readonly ReplicaDescription[]): boolean {
  const isSameReplica = ({ replicaId, address }: ReplicaDescription, i: number): boolean =>
    replicaId === right[i]?.replicaId && address === right[i]?.address;
  return left.length === right.length && left.every(isSameReplica);
}
