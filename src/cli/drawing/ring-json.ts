import { rangeShare } from "../../ring/hash-range.js";
import { formatToken, type Token } from "../../ring/token.js";
import type { CanisterStatus } from "../../ring/topology.js";
import { fillOf, inRingOrder } from "./ring-rows.js";
import type { RingView } from "./ring-drawing.js";

/** A canister for programs: tokens as 16 hexadecimal digits; an `end` of 10000000000000000 (17 digits) is 2^64. */
export function canisterJson(canister: CanisterStatus): object {
  return {
    canisterId: canister.canisterId,
    start: formatToken(canister.range.start),
    end: endText(canister.range.end),
    share: rangeShare(canister.range),
    replicaId: canister.replicaId,
    epoch: canister.epoch,
    state: canister.state,
    entries: canister.entries,
    bytes: canister.bytes,
    capBytes: canister.capBytes,
    fill: fillOf(canister),
    sequence: canister.sequence,
    unsplittable: canister.unsplittable,
    writesWaiting: canister.writesWaiting,
  };
}

export function ringJson(view: RingView): object {
  return { map: view.map, ringVersion: view.ringVersion, canisters: inRingOrder(view.canisters).map(canisterJson) };
}

function endText(end: Token): string {
  return end.high === 2 ** 32 ? "10000000000000000" : formatToken(end);
}
