import type { CanisterId } from "../base/ids.js";
import { tokenSpaceEnd } from "../ring/hash-range.js";
import type { Token } from "../ring/token.js";
import type { CanisterState, CanisterStatus, Topology } from "../ring/topology.js";
import { frameInvalid } from "./frame-reader.js";
import { bigmap } from "./gen/bigmap.js";
import { descriptionFromWire, descriptionToWire } from "./map-codec.js";
import { fromLong, fromOptionalLong, messageCodec, toLong } from "./message-codec.js";
import { replicaFromWire, tokenFromWire, tokenToWire } from "./ring-codec.js";
import v1 = bigmap.v1;

/** Messages about canisters and where they live. */
export interface TopologyRequest {
  /** Undefined: all maps. */
  readonly map: string | undefined;
}

export interface CanisterIdRequest {
  readonly canisterId: CanisterId;
}

export const topologyRequestCodec = messageCodec(
  v1.GetTopologyRequest,
  (message: TopologyRequest) => ({ map: message.map ?? "" }),
  (wire): TopologyRequest => ({ map: wire.map === "" ? undefined : wire.map }),
);

export const topologyResponseCodec = messageCodec(
  v1.GetTopologyResponse,
  (message: Topology) => ({
    replicas: [...message.replicas],
    maps: message.maps.map(descriptionToWire),
    canisters: message.canisters.map(statusToWire),
  }),
  (wire): Topology => ({
    replicas: wire.replicas.map(replicaFromWire),
    maps: wire.maps.map(descriptionFromWire),
    canisters: wire.canisters.map(statusFromWire),
  }),
);

// The five calls of a canister's life share two shapes: its id, and its status now.
export const createCanisterRequestCodec = canisterIdCodec(v1.CreateCanisterRequest);
export const startCanisterRequestCodec = canisterIdCodec(v1.StartCanisterRequest);
export const stopCanisterRequestCodec = canisterIdCodec(v1.StopCanisterRequest);
export const deleteCanisterRequestCodec = canisterIdCodec(v1.DeleteCanisterRequest);
export const canisterStatusRequestCodec = canisterIdCodec(v1.CanisterStatusRequest);
export const createCanisterResponseCodec = canisterStatusCodec(v1.CreateCanisterResponse);
export const startCanisterResponseCodec = canisterStatusCodec(v1.StartCanisterResponse);
export const stopCanisterResponseCodec = canisterStatusCodec(v1.StopCanisterResponse);
export const canisterStatusResponseCodec = canisterStatusCodec(v1.CanisterStatusResponse);

export const deleteCanisterResponseCodec = messageCodec(
  v1.DeleteCanisterResponse,
  (message: Record<string, never>) => message,
  (): Record<string, never> => ({}),
);

const stateToWire: Readonly<Record<CanisterState, v1.CanisterState>> = {
  opening: v1.CanisterState.CANISTER_STATE_OPENING,
  serving: v1.CanisterState.CANISTER_STATE_SERVING,
  frozen: v1.CanisterState.CANISTER_STATE_FROZEN,
  stopping: v1.CanisterState.CANISTER_STATE_STOPPING,
  stopped: v1.CanisterState.CANISTER_STATE_STOPPED,
};

const stateFromWire: ReadonlyMap<number, CanisterState> = new Map(
  Object.entries(stateToWire).map(([state, number]) => [number, state as CanisterState]),
);

function canisterIdCodec(type: typeof v1.CreateCanisterRequest) {
  return messageCodec(
    type,
    (message: CanisterIdRequest) => ({ canisterId: toLong(message.canisterId) }),
    (wire): CanisterIdRequest => ({ canisterId: fromLong(wire.canisterId) }),
  );
}

function canisterStatusCodec(type: typeof v1.CreateCanisterResponse) {
  return messageCodec(
    type,
    (message: CanisterStatus) => ({ canister: statusToWire(message) }),
    (wire): CanisterStatus => statusFromWire(wire.canister ?? {}),
  );
}

function statusToWire(status: CanisterStatus): v1.CanisterDescription.$Properties {
  return {
    canisterId: toLong(status.canisterId),
    map: status.map,
    mapId: status.mapId,
    start: tokenToWire(status.range.start),
    // 2^64 does not fit into 64 bits and becomes 0, which no range ends with.
    end: tokenToWire(status.range.end),
    epoch: toLong(status.epoch),
    replicaId: status.replicaId,
    state: stateToWire[status.state],
    entries: toLong(status.entries),
    bytes: toLong(status.bytes),
    capBytes: toLong(status.capBytes),
    sequence: toLong(status.sequence),
    unsplittable: status.unsplittable,
    writesWaiting: status.writesWaiting,
  };
}

function statusFromWire(wire: v1.CanisterDescription.$Properties): CanisterStatus {
  const state = stateFromWire.get(wire.state ?? 0);
  if (state === undefined) throw frameInvalid(`Canister state ${String(wire.state)} is unknown to this version`);
  return {
    canisterId: fromOptionalLong(wire.canisterId),
    map: wire.map ?? "",
    mapId: wire.mapId ?? 0,
    range: { start: optionalToken(wire.start), end: endToken(optionalToken(wire.end)) },
    epoch: fromOptionalLong(wire.epoch),
    replicaId: wire.replicaId ?? "",
    state,
    entries: fromOptionalLong(wire.entries),
    bytes: fromOptionalLong(wire.bytes),
    capBytes: fromOptionalLong(wire.capBytes),
    sequence: fromOptionalLong(wire.sequence),
    unsplittable: wire.unsplittable ?? false,
    writesWaiting: wire.writesWaiting ?? false,
  };
}

function optionalToken(wire: Parameters<typeof tokenFromWire>[0] | null | undefined): Token {
  return wire === null || wire === undefined ? { high: 0, low: 0 } : tokenFromWire(wire);
}

function endToken(end: Token): Token {
  return end.high === 0 && end.low === 0 ? tokenSpaceEnd : end;
}
