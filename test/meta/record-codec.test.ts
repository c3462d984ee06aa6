import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  decodeAllocatorRecord,
  decodeCanisterRecord,
  decodeMapRecord,
  decodeReplicaRecord,
  encodeAllocatorRecord,
  encodeCanisterRecord,
  encodeMapRecord,
  encodeReplicaRecord,
} from "../../src/meta/record-codec.js";
import { canisterRecordKey, mapRecordKey, replicaRecordKey } from "../../src/meta/record-keys.js";
import type { CanisterRecord, MapRecord, ReplicaRecord } from "../../src/meta/records.js";
import { tokenSpaceEnd, tokenSpaceStart } from "../../src/ring/hash-range.js";

const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

const settings = { canisterCapBytes: 4294967296, initialCanisters: 4, tokenFunction: "murmur3" } as const;
const map: MapRecord = { mapId: 3, map: "users", settings };
const canister: CanisterRecord = {
  canisterId: 12,
  mapId: 3,
  map: "users",
  range: { start: { high: 0x80000000, low: 1 }, end: tokenSpaceEnd },
  epoch: 2,
  replicaId: "r1",
  origin: { parentId: 7, sequence: 99 },
  stopped: false,
};
const lastToken = { high: 0xffffffff, low: 0xffffffff };
const first: CanisterRecord = { ...canister, origin: undefined, stopped: true, range: { start: tokenSpaceStart, end: lastToken } };
const replica: ReplicaRecord = { replicaId: "r1", address: "127.0.0.1:7400" };

describe("stored records", () => {
  test("are these bytes", () => {
    assert.equal(
      text(encodeMapRecord(map)),
      '{"layout":1,"mapId":3,"map":"users","settings":{"canisterCapBytes":4294967296,"initialCanisters":4,"tokenFunction":"murmur3"}}',
    );
    assert.equal(
      text(encodeCanisterRecord(canister)),
      '{"layout":1,"canisterId":12,"mapId":3,"map":"users","start":"8000000000000001","end":"2^64","epoch":2,"replicaId":"r1",' +
        '"origin":{"parentId":7,"sequence":99},"stopped":false}',
    );
    assert.equal(
      text(encodeCanisterRecord(first)),
      '{"layout":1,"canisterId":12,"mapId":3,"map":"users","start":"0000000000000000","end":"ffffffffffffffff","epoch":2,' +
        '"replicaId":"r1","stopped":true}',
    );
    assert.equal(text(encodeReplicaRecord(replica)), '{"layout":1,"replicaId":"r1","address":"127.0.0.1:7400"}');
    assert.equal(text(encodeAllocatorRecord({ nextMapId: 4, nextCanisterId: 17 })), '{"layout":1,"nextMapId":4,"nextCanisterId":17}');
  });

  test("have these keys, in number order", () => {
    assert.equal(mapRecordKey("users"), "map/users");
    assert.equal(replicaRecordKey("r1"), "replica/r1");
    assert.equal(canisterRecordKey(12), "canister/000000000000012");
    assert.ok(canisterRecordKey(2 ** 48 - 1) > canisterRecordKey(2 ** 47));
    assert.throws(() => canisterRecordKey(0), code("INTERNAL"));
  });

  test("come back as they were", () => {
    assert.deepEqual(decodeMapRecord(encodeMapRecord(map)), map);
    assert.deepEqual(decodeCanisterRecord(encodeCanisterRecord(first)), first);
    const named = { replicaId: "ä", address: "[::1]:1" };
    assert.deepEqual(decodeReplicaRecord(encodeReplicaRecord(named)), named);
    const allocator = { nextMapId: 1, nextCanisterId: 2 ** 47 };
    assert.deepEqual(decodeAllocatorRecord(encodeAllocatorRecord(allocator)), allocator);
  });

  test("come back as they were, for any range", () => {
    const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const token = fc.record({ high: uint32, low: uint32 }, { noNullPrototype: true });
    fc.assert(
      fc.property(token, fc.option(token), fc.nat(), (start, end, sequence) => {
        const range = { start, end: end ?? tokenSpaceEnd };
        if (range.end.high < start.high || (range.end.high === start.high && range.end.low <= start.low)) return;
        const record = { ...canister, range, origin: { parentId: 1, sequence } };
        assert.deepEqual(decodeCanisterRecord(encodeCanisterRecord(record)), record);
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});

describe("damaged records", () => {
  const good = text(encodeCanisterRecord(canister));
  const cases: readonly (readonly [string, string])[] = [
    ["nothing", ""],
    ["no JSON", good.slice(0, -1)],
    ["no object", "[1]"],
    ["null", "null"],
    ["no layout", good.replace('"layout":1,', "")],
    ["a layout that is no number", good.replace('"layout":1', '"layout":"1"')],
    ["layout 0", good.replace('"layout":1', '"layout":0')],
    ["a missing field", good.replace('"epoch":2,', "")],
    ["a fraction", good.replace('"epoch":2', '"epoch":2.5')],
    ["a negative number", good.replace('"epoch":2', '"epoch":-2')],
    ["a number past 2^53", good.replace('"epoch":2', '"epoch":9007199254740993')],
    ["a short token", good.replace("8000000000000001", "800000000000001")],
    ["a token that is no number", good.replace("8000000000000001", "800000000000000g")],
    ["an empty range", good.replace("8000000000000001", "2^64")],
    ["a text for a flag", good.replace("false", '"false"')],
    ["a bad origin", good.replace('"sequence":99', '"sequence":null')],
  ];
  for (const [name, damaged] of cases) {
    test(`${name}: STORAGE_CORRUPT`, () => {
      assert.notEqual(damaged, good);
      assert.throws(() => decodeCanisterRecord(Buffer.from(damaged)), code("STORAGE_CORRUPT"));
    });
  }

  test("bytes that are no UTF-8: STORAGE_CORRUPT", () => {
    assert.throws(() => decodeMapRecord(Uint8Array.of(0x22, 0xff, 0x22)), code("STORAGE_CORRUPT"));
  });

  test("a map record with a name or a token function that cannot be: STORAGE_CORRUPT", () => {
    assert.throws(() => decodeMapRecord(encodeMapRecord({ ...map, map: "" })), code("STORAGE_CORRUPT"));
    const other = text(encodeMapRecord(map)).replace("murmur3", "murmur4");
    assert.throws(() => decodeMapRecord(Buffer.from(other)), code("STORAGE_CORRUPT"));
  });

  test("a record of a later layout: DATA_DIR_NEWER, whatever its fields are", () => {
    for (const decode of [decodeMapRecord, decodeCanisterRecord, decodeReplicaRecord, decodeAllocatorRecord]) {
      assert.throws(() => decode(Buffer.from('{"layout":2,"fields":"other"}')), code("DATA_DIR_NEWER"));
    }
  });
});
