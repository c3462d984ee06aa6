import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CanisterId } from "../../src/base/ids.js";
import { Accounting } from "../../src/canister/accounting.js";
import { DataCanister } from "../../src/canister/data-canister.js";
import { encodeCanisterRecord, encodeMapRecord } from "../../src/meta/record-codec.js";
import { canisterRecordKey, mapRecordKey } from "../../src/meta/record-keys.js";
import { RecordTable } from "../../src/meta/record-table.js";
import type { CanisterRecord } from "../../src/meta/records.js";
import { HostedCanister } from "../../src/replica/hosted-canister.js";
import { RouteTable } from "../../src/replica/map-routes.js";
import { cutRange, evenRanges, type HashRange } from "../../src/ring/hash-range.js";
import type { Token } from "../../src/ring/token.js";

const settings = { canisterCapBytes: 65_536, initialCanisters: 2, tokenFunction: "murmur3" } as const;

function recordOf(canisterId: CanisterId, range: HashRange): CanisterRecord {
  return { canisterId, mapId: 1, map: "m", range, epoch: 1, replicaId: "r", origin: undefined, stopped: false };
}

function hostedOn(canisterId: CanisterId, range: HashRange): HostedCanister {
  const identity = { canisterId, mapId: 1, map: "m", capBytes: 65_536, epoch: 1 };
  return new HostedCanister(new DataCanister(identity, new Accounting(range), 0), 1);
}

describe("the routes of a map of which two canisters are being split at once", () => {
  const [left, right] = evenRanges(2) as [HashRange, HashRange];
  const cutLeft: Token = { high: 2 ** 30 + 12_345, low: 7 };
  const cutRight: Token = { high: 3 * 2 ** 30, low: 0 };
  const [leftHalf, leftChild] = cutRange(left, cutLeft);
  const [rightHalf, rightChild] = cutRange(right, cutRight);

  function tableOf(revision: number, records: readonly CanisterRecord[]): RecordTable {
    const table = new RecordTable();
    const map = { key: mapRecordKey("m"), value: encodeMapRecord({ mapId: 1, map: "m", settings }), revision };
    const canisters = records.map((record) => ({
      key: canisterRecordKey(record.canisterId),
      value: encodeCanisterRecord(record),
      revision,
    }));
    table.apply({ revision, puts: [map, ...canisters], deletes: [], reset: true });
    return table;
  }

  const ownerOf = (routes: RouteTable, token: Token): CanisterId | undefined => {
    const found = routes.find("m");
    return found?.canisters[found.ring.indexOf(token.high, token.low)]?.canister.canisterId;
  };

  test("send each key to the canister that owns it now, whichever split takes over first", () => {
    const routes = new RouteTable("r");
    const parents = [hostedOn(1, left), hostedOn(2, right)] as const;
    for (const parent of parents) routes.addCanister(parent);
    routes.refresh(tableOf(1, [recordOf(1, left), recordOf(2, right)]));
    assert.deepEqual([ownerOf(routes, left.start), ownerOf(routes, cutLeft), ownerOf(routes, cutRight)], [1, 1, 2]);

    // Both splits are committed, neither has taken over here.
    const after = tableOf(2, [recordOf(1, leftHalf), recordOf(3, leftChild), recordOf(2, rightHalf), recordOf(4, rightChild)]);
    routes.refresh(after);
    assert.deepEqual(
      [ownerOf(routes, left.start), ownerOf(routes, cutLeft), ownerOf(routes, right.start), ownerOf(routes, cutRight)],
      [1, 1, 2, 2],
    );

    // The left one takes over: its child's keys must not reach the parent, though the right split is not done.
    parents[0].canister.replaceAccounting(new Accounting(leftHalf), 2);
    routes.addCanister(hostedOn(3, leftChild));
    routes.refresh(after);
    assert.deepEqual(
      [ownerOf(routes, left.start), ownerOf(routes, cutLeft), ownerOf(routes, right.start), ownerOf(routes, cutRight)],
      [1, 3, 2, 2],
    );

    parents[1].canister.replaceAccounting(new Accounting(rightHalf), 2);
    routes.addCanister(hostedOn(4, rightChild));
    routes.refresh(after);
    assert.deepEqual(
      [ownerOf(routes, left.start), ownerOf(routes, cutLeft), ownerOf(routes, right.start), ownerOf(routes, cutRight)],
      [1, 3, 2, 4],
    );
  });

  test("are compared with the canisters' own ranges from when a child is added until the ring has it", () => {
    const routes = new RouteTable("r");
    const parent = hostedOn(1, left);
    for (const hosted of [parent, hostedOn(2, right)]) routes.addCanister(hosted);
    routes.refresh(tableOf(1, [recordOf(1, left), recordOf(2, right)]));
    assert.equal(routes.find("m")?.rangesAgree, true);
    parent.canister.replaceAccounting(new Accounting(leftHalf), 2);
    routes.addCanister(hostedOn(3, leftChild));
    assert.equal(routes.find("m")?.rangesAgree, false);
    routes.refresh(tableOf(1, [recordOf(1, left), recordOf(2, right)]));
    assert.equal(routes.find("m")?.rangesAgree, false, "the ring of the records is older than the split");
    routes.refresh(tableOf(2, [recordOf(1, leftHalf), recordOf(3, leftChild), recordOf(2, right)]));
    assert.equal(routes.find("m")?.rangesAgree, true);
  });

  test("stay as they are while a canister of the ring is not open yet", () => {
    const routes = new RouteTable("r");
    routes.addCanister(hostedOn(1, left));
    routes.refresh(tableOf(1, [recordOf(1, left), recordOf(2, right)]));
    assert.equal(routes.find("m"), undefined);
    routes.addCanister(hostedOn(2, right));
    routes.refresh(tableOf(1, [recordOf(1, left), recordOf(2, right)]));
    assert.equal(ownerOf(routes, cutRight), 2);
  });
});
