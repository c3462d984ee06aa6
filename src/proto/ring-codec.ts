import Long from "long";
import type { CanisterId } from "../base/ids.js";
import { assert } from "../base/errors.js";
import { tokenSpaceEnd } from "../ring/hash-range.js";
import { Ring, type RingEntry } from "../ring/ring.js";
import type { Token } from "../ring/token.js";
import type { CanisterSplit, MapRing, ReplicaDescription } from "../ring/topology.js";
import { frameInvalid } from "./frame-reader.js";
import { bigmap } from "./gen/bigmap.js";
import { tokenFunctionFromWire, tokenFunctionToWire, type MapNameRequest } from "./map-codec.js";
import { fromLong, messageCodec, toLong } from "./message-codec.js";
import v1 = bigmap.v1;

/** Messages about rings. */
export interface SplitCanisterRequest {
  readonly canisterId: CanisterId;
  /** Undefined: the point that halves the bytes. */
  readonly cut: Token | undefined;
}

export const ringCodec = messageCodec(v1.Ring, ringToWire, ringFromWire);

export const getRingRequestCodec = messageCodec(
  v1.GetRingRequest,
  (message: MapNameRequest) => ({ map: message.map }),
  (wire): MapNameRequest => ({ map: wire.map }),
);

export const getRingResponseCodec = messageCodec(
  v1.GetRingResponse,
  (message: MapRing) => ({ ring: ringToWire(message) }),
  (wire) => ringFromWire(wire.ring),
);

export const watchRingRequestCodec = messageCodec(
  v1.WatchRingRequest,
  (message: MapNameRequest) => ({ map: message.map }),
  (wire): MapNameRequest => ({ map: wire.map }),
);

export const watchRingResponseCodec = messageCodec(
  v1.WatchRingResponse,
  (message: MapRing) => ({ ring: ringToWire(message) }),
  (wire) => ringFromWire(wire.ring),
);

export const splitCanisterRequestCodec = messageCodec(
  v1.SplitCanisterRequest,
  (message: SplitCanisterRequest) => ({
    canisterId: toLong(message.canisterId),
    cutToken: message.cut === undefined ? null : tokenToWire(message.cut),
  }),
  (wire): SplitCanisterRequest => ({
    canisterId: fromLong(wire.canisterId),
    cut: wire.cutToken === null || wire.cutToken === undefined ? undefined : tokenFromWire(wire.cutToken),
  }),
);

export const splitCanisterResponseCodec = messageCodec(
  v1.SplitCanisterResponse,
  (message: CanisterSplit) => ({
    leftCanisterId: toLong(message.leftId),
    rightCanisterId: toLong(message.rightId),
    cutToken: tokenToWire(message.cut),
    ringVersion: toLong(message.ringVersion),
  }),
  (wire): CanisterSplit => ({
    leftId: fromLong(wire.leftCanisterId),
    rightId: fromLong(wire.rightCanisterId),
    cut: tokenFromWire(wire.cutToken),
    ringVersion: fromLong(wire.ringVersion),
  }),
);

export function tokenToWire(token: Token): Long {
  return Long.fromBits(token.low | 0, token.high | 0, true);
}

export function tokenFromWire(wire: Long): Token {
  return { high: wire.high >>> 0, low: wire.low >>> 0 };
}

export function replicaFromWire(wire: v1.ReplicaDescription.$Properties): ReplicaDescription {
  return { replicaId: wire.replicaId ?? "", address: wire.address ?? "" };
}

function ringToWire({ map, mapId, ring, replicas }: MapRing): v1.Ring.$Properties {
  const places = new Map(replicas.map((replica, i) => [replica.replicaId, i]));
  const indexes = ring.replicaIds.map((replicaId) => {
    const place = places.get(replicaId);
    assert(place !== undefined, `the address of replica ${replicaId} is known`);
    return place;
  });
  const ranges = Array.from({ length: ring.size }, (_, i) => i);
  return {
    map,
    mapId,
    version: toLong(ring.version),
    tokenFunction: tokenFunctionToWire("murmur3"),
    starts: ranges.map((i) => tokenToWire(ring.rangeAt(i).start)),
    canisterIds: ranges.map((i) => toLong(ring.canisterIdAt(i))),
    replicaIndexes: ranges.map((i) => indexes[ring.replicaIndexAt(i)] ?? 0),
    replicas: [...replicas],
  };
}

/** Errors: FRAME_INVALID where the ranges do not cover the token space exactly once, or this version cannot route by them. */
function ringFromWire(wire: v1.Ring | v1.Ring.$Properties | null | undefined): MapRing {
  if (wire === null || wire === undefined) throw frameInvalid("The message has no ring");
  tokenFunctionFromWire(wire.tokenFunction);
  const replicas = (wire.replicas ?? []).map(replicaFromWire);
  const version = wire.version === null || wire.version === undefined ? 0 : fromLong(wire.version);
  const entries = ringEntries(wire, replicas);
  return { map: wire.map ?? "", mapId: wire.mapId ?? 0, ring: ringOf(version, entries), replicas };
}

function ringEntries(wire: v1.Ring.$Properties, replicas: readonly ReplicaDescription[]): readonly RingEntry[] {
  const starts = (wire.starts ?? []).map(tokenFromWire);
  const canisterIds = wire.canisterIds ?? [];
  const replicaIndexes = wire.replicaIndexes ?? [];
  if (canisterIds.length !== starts.length || replicaIndexes.length !== starts.length) {
    throw frameInvalid("The columns of a ring have different lengths");
  }
  return starts.map((start, i) => {
    const replica = replicas[replicaIndexes[i] ?? 0];
    const canisterId = canisterIds[i];
    if (replica === undefined || canisterId === undefined) throw frameInvalid(`Range ${i} of a ring names an unknown replica`);
    return { range: { start, end: starts[i + 1] ?? tokenSpaceEnd }, canisterId: fromLong(canisterId), replicaId: replica.replicaId };
  });
}

function ringOf(version: number, entries: readonly RingEntry[]): Ring {
  try {
    return new Ring(version, entries);
  } catch (error) {
    throw frameInvalid("The ranges of a ring do not cover the token space exactly once", error);
  }
}
