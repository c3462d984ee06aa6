import { sleep, type Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { ClearResult } from "../canister/canister-host.js";
import type { RecordView } from "../meta/record-view.js";
import { tokenSpaceEnd, tokenSpaceStart } from "../ring/hash-range.js";
import type { Token } from "../ring/token.js";
import { mapRecordOf } from "./map-catalog.js";
import type { ReplicaHosts } from "./replica-hosts.js";

/** How long a canister that is being split or cleared is waited for before it is tried again. */
const busyDelayMs = 5;
const attemptsMax = 2_000;

/**
 * Deletes every entry that was there when the call began, canister by canister along the ring; atomic in each. The walk goes by
 * tokens, so a canister that is split meanwhile is cleared on both sides. Resolves to the number of entries deleted.
 * Errors: MAP_NOT_FOUND, CANISTER_BUSY; those of the hosts.
 */
export async function clearMap(map: string, view: RecordView, hosts: ReplicaHosts, clock: Clock): Promise<number> {
  let deleted = 0;
  for (let position: Token = tokenSpaceStart; position.high < tokenSpaceEnd.high;) {
    const { deletedEntries, range } = await clearAt(position, map, view, hosts, clock);
    deleted += deletedEntries;
    position = range.end;
  }
  return deleted;
}

/** Clears the canister that owns the token now. */
async function clearAt(position: Token, map: string, view: RecordView, hosts: ReplicaHosts, clock: Clock): Promise<ClearResult> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const table = await view.refresh();
    const ring = table.ring(mapRecordOf(table, map).mapId);
    const { canisterId, replicaId } = ring.entryAt(ring.indexOf(position.high, position.low));
    try {
      return await hosts.host(replicaId).clearCanister(canisterId);
    } catch (error) {
      if (!(error instanceof BigMapError) || error.code !== "CANISTER_BUSY") throw error;
      await sleep(clock, busyDelayMs);
    }
  }
  throw new BigMapError("CANISTER_BUSY", `A canister of map "${map}" was never free to be cleared`);
}
