import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";
import * as fc from "fast-check";
import Long from "long";
import { BigMapError } from "../../src/base/errors.js";
import type { MapDescription } from "../../src/base/map-backend.js";
import { bigmap } from "../../src/proto/gen/bigmap.js";
import { mapMethods, replicaMethods, routerMethods, type Method } from "../../src/proto/methods.js";
import { ringCodec } from "../../src/proto/ring-codec.js";
import { evenRanges } from "../../src/ring/hash-range.js";
import { Ring } from "../../src/ring/ring.js";
import type { CanisterStatus, MapRing } from "../../src/ring/topology.js";
import { pageOf } from "../base/scan-entries.js";
import { bigMapError, bytes, version } from "./arbitraries.js";

const uint32 = fc.nat(2 ** 32 - 1);
const text = fc.string({ unit: "grapheme", maxLength: 20 });
const present = fc.string({ minLength: 1, maxLength: 20 });
const positive = version.map((number) => Math.max(1, number));
const token = fc.record({ high: uint32, low: uint32 });
const optional = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> => fc.option(value, { nil: undefined });
const condition = fc.oneof(fc.constant(undefined), fc.constant({ ifAbsent: true as const }), fc.record({ ifVersion: version }));
const cursor = optional(fc.uint8Array({ minLength: 1, maxLength: 30 }));
const value = fc.record({ found: fc.boolean(), value: bytes(50), version });
const error = optional(bigMapError);

const settings = fc.record({
  canisterCapBytes: positive,
  initialCanisters: fc.integer({ min: 1, max: 4096 }),
  tokenFunction: fc.constant("murmur3" as const),
});
const description: fc.Arbitrary<MapDescription> = fc.record({ map: text, mapId: uint32, settings });
const replica = fc.record({ replicaId: present, address: text });

const mapRing: fc.Arbitrary<MapRing> = fc
  .record({
    map: text,
    mapId: uint32,
    version,
    size: fc.integer({ min: 1, max: 40 }),
    hosts: fc.integer({ min: 1, max: 4 }),
    firstId: fc.nat(),
  })
  .map(({ map, mapId, version: ringVersion, size, hosts, firstId }) => {
    const entries = evenRanges(size).map((range, i) => ({ range, canisterId: firstId + i, replicaId: `r${(i * 7) % hosts}` }));
    const replicas = Array.from({ length: hosts }, (_, i) => ({ replicaId: `r${i}`, address: `h${i}:1` }));
    return { map, mapId, ring: new Ring(ringVersion, entries), replicas };
  });

const canister: fc.Arbitrary<CanisterStatus> = fc.record({
  canisterId: version,
  mapId: uint32,
  map: text,
  range: fc.constantFrom(...evenRanges(5)),
  epoch: version,
  replicaId: text,
  state: fc.constantFrom("opening" as const, "serving" as const, "frozen" as const, "stopping" as const, "stopped" as const),
  entries: version,
  bytes: version,
  capBytes: version,
  sequence: version,
  unsplittable: fc.boolean(),
  writesWaiting: fc.boolean(),
});

const byMap = fc.record({ map: text });
const byId = fc.record({ canisterId: version });
const nothing = fc.constant({});
const entry = fc.record({ key: bytes(30), value: bytes(50), version });

/** For each method an arbitrary request and response. */
const messages: Readonly<Record<string, readonly [fc.Arbitrary<unknown>, fc.Arbitrary<unknown>]>> = {
  CreateMap: [fc.record({ map: text, settings: fc.oneof(settings, fc.constant({})) }), description],
  ListMaps: [
    fc.record({ pageSize: uint32, pageToken: optional(present) }),
    fc.record({ maps: fc.array(description, { maxLength: 4 }), nextPageToken: optional(present) }),
  ],
  DropMap: [byMap, nothing],
  Clear: [byMap, fc.record({ deletedEntries: version })],
  Get: [fc.record({ map: text, key: bytes(30), omitValue: fc.boolean() }), value],
  Put: [fc.record({ map: text, key: bytes(30), value: bytes(50), condition }), fc.record({ version })],
  Delete: [fc.record({ map: text, key: bytes(30), condition }), fc.record({ existed: fc.boolean() })],
  GetMany: [
    fc.record({ map: text, keys: fc.array(bytes(30), { maxLength: 6 }), omitValue: fc.boolean() }),
    fc.record({ results: fc.array(fc.record({ found: fc.boolean(), value: bytes(50), version, error }), { maxLength: 5 }) }),
  ],
  Write: [
    fc.record({ map: text, updates: fc.array(fc.record({ key: bytes(30), put: optional(bytes(50)), condition }), { maxLength: 6 }) }),
    fc.record({ results: fc.array(fc.record({ version, existed: fc.boolean(), error }), { maxLength: 5 }) }),
  ],
  Scan: [
    fc.record({
      map: text,
      prefix: bytes(9),
      limit: version,
      cursor,
      keysOnly: fc.boolean(),
      singlePage: fc.boolean(),
      noForward: fc.boolean(),
    }),
    fc.record({ entries: fc.array(entry, { maxLength: 5 }), cursor }).map((page) => pageOf(page.entries, page.cursor)),
  ],
  Stats: [byMap, fc.record({ entries: version, bytes: version, canisters: uint32, ringVersion: version, settings })],
  Pages: [bytes(50).map((raw) => Buffer.from(raw)), bytes(50).map((raw) => Buffer.from(raw))],
  Pipe: [bytes(50).map((raw) => Buffer.from(raw)), bytes(50).map((raw) => Buffer.from(raw))],
  GetRing: [byMap, mapRing],
  WatchRing: [byMap, mapRing],
  SplitCanister: [
    fc.record({ canisterId: version, cut: optional(token) }),
    fc.record({ leftId: version, rightId: version, cut: token, ringVersion: version }),
  ],
  GetTopology: [
    fc.record({ map: optional(present) }),
    fc.record({
      replicas: fc.array(replica, { maxLength: 3 }),
      maps: fc.array(description, { maxLength: 3 }),
      canisters: fc.array(canister, { maxLength: 5 }),
    }),
  ],
  CreateCanister: [byId, canister],
  StartCanister: [byId, canister],
  StopCanister: [byId, canister],
  DeleteCanister: [byId, nothing],
  CanisterStatus: [byId, canister],
};

const methods = Object.values({ ...mapMethods, ...routerMethods, ...replicaMethods }) as unknown as readonly Method<unknown, unknown>[];
const nameOf = (method: Method<unknown, unknown>): string => method.path.split("/").at(-1) ?? "";

/** A message as plain data, in which equal messages are equal. */
function plain(message: unknown): unknown {
  return JSON.parse(
    JSON.stringify(message, function (this: Record<string, unknown>, name, field: unknown) {
      const original = this[name];
      if (original instanceof Uint8Array) return Buffer.from(original).toString("hex");
      if (original instanceof Ring) return { version: original.version, entries: original.entries() };
      if (original instanceof BigMapError) return { ...original, message: original.message };
      return field;
    }),
  ) as unknown;
}

describe("the messages", () => {
  for (const method of methods) {
    test(`of ${nameOf(method)} come back as they were`, () => {
      const [request, response] = messages[nameOf(method)] ?? assert.fail(`no messages for ${method.path}`);
      fc.assert(
        fc.property(request, (sent) => assert.deepEqual(plain(method.request.decode(method.request.encode(sent))), plain(sent))),
        { seed: 1, numRuns: 60 },
      );
      fc.assert(
        fc.property(response, (sent) => assert.deepEqual(plain(method.response.decode(method.response.encode(sent))), plain(sent))),
        { seed: 2, numRuns: 60 },
      );
    });
  }

  test("made of noise are read or are FRAME_INVALID, for every method", () => {
    const noise = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(noise, (frame) => {
        for (const method of methods) {
          for (const codec of [method.request, method.response]) {
            try {
              codec.decode(frame);
            } catch (thrown) {
              assert.ok(thrown instanceof BigMapError && thrown.code === "FRAME_INVALID", `${method.path}: ${String(thrown)}`);
            }
          }
        }
      }),
      { seed: 3, numRuns: 1_000 },
    );
  });
});

describe("the list of methods", () => {
  test("is that of the .proto files, with the same shapes", () => {
    const protoDir = fileURLToPath(new URL("../../../proto", import.meta.url));
    const files = ["map", "router", "replica"].map((name) => `bigmap/v1/${name}_service.proto`);
    const services = Object.entries(loadSync(files, { includeDirs: [protoDir] })).filter(([name]) => name.endsWith("Service"));
    const expected = services
      .flatMap(([, service]) => Object.values(service as ServiceDefinition))
      .map(({ path, requestStream, responseStream }) => {
        return `${path} ${requestStream ? "pipe" : responseStream ? "server stream" : "unary"}`;
      });
    assert.deepEqual(methods.map(({ path, shape }) => `${path} ${shape}`).sort(), expected.sort());
  });
});

describe("a ring on the wire", () => {
  const long = (number: number): Long => Long.fromNumber(number, true);
  const whole = { map: "m", mapId: 1, version: long(1), tokenFunction: 1, replicas: [{ replicaId: "r", address: "h:1" }] };
  const twoHalves = { starts: [long(0), Long.fromBits(0, 0x80000000 | 0, true)], canisterIds: [long(1), long(2)], replicaIndexes: [0, 0] };
  const decode = (wire: bigmap.v1.Ring.$Properties): MapRing => ringCodec.decode(bigmap.v1.Ring.encode(wire).finish());

  test("has unsigned tokens", () => {
    assert.deepEqual(decode({ ...whole, ...twoHalves }).ring.rangeAt(1).start, { high: 0x80000000, low: 0 });
  });

  const broken: readonly (readonly [string, bigmap.v1.Ring.$Properties])[] = [
    ["no ranges", { ...whole }],
    ["a first range that does not begin at 0", { ...whole, ...twoHalves, starts: [long(1), long(2)] }],
    ["ranges out of order", { ...whole, starts: [long(0), long(5), long(3)], canisterIds: [1, 2, 3].map(long), replicaIndexes: [0, 0, 0] }],
    ["columns of different lengths", { ...whole, ...twoHalves, canisterIds: [long(1)] }],
    ["a replica that is not listed", { ...whole, ...twoHalves, replicaIndexes: [0, 1] }],
    ["a token function of a newer version", { ...whole, ...twoHalves, tokenFunction: 9 as never }],
    ["a version of 2^53", { ...whole, ...twoHalves, version: long(2 ** 53) }],
  ];
  for (const [name, wire] of broken) {
    test(`with ${name} is FRAME_INVALID`, () => {
      assert.throws(() => decode(wire), { name: "BigMapError", code: "FRAME_INVALID" });
    });
  }
});
