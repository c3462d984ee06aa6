/** Bad names, settings, cursors, limits, pages and splits. */
import { type TokenFunction } from "../gen/bigmap/v1/map_service_pb.js";
import { limits, type MapSettings } from "../../src/index.js";
import { batchOf, operation, type BadInput } from "./bad-input.js";
import { drain, sameFailure } from "./roads.js";
import { binaryMap, emptyMap, knownKey, knownMap, rebornMap, type ServerUnderTest } from "./server-under-test.js";

const value = Buffer.from("a value that must not arrive");
const unknownMap = "unknown";
const unknownCanisterId = 987_654;

export const mapNameCases: readonly BadInput[] = [
  ...["", "two words", "../up", "-dash", ".hidden", "slash/ed", "ünïcode", "x".repeat(limits.mapNameMaxChars + 1)].map((map): BadInput => ({
    name: `a map named ${JSON.stringify(map.slice(0, 20))}`,
    code: "MAP_NAME_INVALID",
    client: ({ client }) => client.createMap(map),
    stock: ({ maps }) => maps.createMap({ map }),
    pipe: () => [batchOf(map, [[operation.put, Buffer.from("k")]], value)],
  })),
  {
    name: "an ill-named map, for every call that only reads or removes",
    code: "MAP_NAME_INVALID",
    client: async ({ client }) => client.topology("two words"),
    stock: ({ maps, router }) =>
      sameFailure([
        maps.get({ map: "two words", key: Buffer.from("k") }),
        maps.getMany({ map: "two words", keys: [Buffer.from("k")] }),
        maps.stats({ map: "two words" }),
        maps.dropMap({ map: "two words" }),
        maps.clear({ map: "two words" }),
        drain(maps.scan({ map: "two words" })),
        router.getRing({ map: "two words" }),
        router.getTopology({ map: "two words" }),
      ]),
    pipe: () => [batchOf("two words", [[operation.get, Buffer.from("k")]], value)],
    command: () => ({ words: ["create", "two words"], exitCode: 2 }),
  },
  {
    name: "a map that is there already",
    code: "MAP_EXISTS",
    client: ({ client }) => client.createMap(knownMap),
    stock: ({ maps }) => maps.createMap({ map: knownMap, settings: { initialCanisters: 7 } }),
    command: () => ({ words: ["create", knownMap], exitCode: 4 }),
  },
  {
    name: "an unknown map, for every call that reads or removes",
    code: "MAP_NOT_FOUND",
    client: ({ client }) =>
      sameFailure([
        client.map(unknownMap).get("k"),
        client.map(unknownMap).has("k"),
        client.map(unknownMap).getMany(["k"]),
        client.map(unknownMap).stats(),
        client.map(unknownMap).clear(),
        drain(client.map(unknownMap).scan()),
        client.dropMap(unknownMap),
        client.ring(unknownMap),
        drain(client.watchRing(unknownMap)),
        client.topology(unknownMap),
      ]),
    stock: ({ maps, router }) =>
      sameFailure([
        maps.get({ map: unknownMap, key: Buffer.from("k") }),
        maps.getMany({ map: unknownMap, keys: [Buffer.from("k")] }),
        maps.stats({ map: unknownMap }),
        maps.dropMap({ map: unknownMap }),
        maps.clear({ map: unknownMap }),
        drain(maps.scan({ map: unknownMap })),
        router.getRing({ map: unknownMap }),
        drain(router.watchRing({ map: unknownMap })),
        router.getTopology({ map: unknownMap }),
      ]),
    pipe: () => [batchOf(unknownMap, [[operation.get, Buffer.from("k")]], value)],
    command: () => ({ words: ["get", unknownMap, "k"], exitCode: 3 }),
  },
];

const badSettings: readonly (readonly [string, Partial<MapSettings>])[] = [
  ["a cap of 1 B", { canisterCapBytes: 1 }],
  ["a cap below the least by one byte", { canisterCapBytes: limits.canisterCapMinBytes - 1 }],
  ["a cap above the most by one byte", { canisterCapBytes: limits.canisterCapMaxBytes + 1 }],
  ["more initial canisters than allowed", { initialCanisters: limits.initialCanistersMax + 1 }],
];

/** What the wire cannot say: it would arrive as something else. */
const unspeakableSettings: readonly (readonly [string, Partial<MapSettings>])[] = [
  ["a cap of 0", { canisterCapBytes: 0 }],
  ["a negative cap", { canisterCapBytes: -1 }],
  ["a fractional cap", { canisterCapBytes: 65_536.5 }],
  ["a cap that is no number", { canisterCapBytes: NaN }],
  ["no initial canisters", { initialCanisters: 0 }],
  ["a negative number of initial canisters", { initialCanisters: -4 }],
  ["a number of initial canisters past 32 bits", { initialCanisters: 2 ** 32 + 1 }],
  ["an unknown token function", { tokenFunction: "sha3" as "murmur3" }],
];

export const settingsCases: readonly BadInput[] = [
  ...badSettings.map(([name, settings]): BadInput => ({
    name,
    code: "INVALID_ARGUMENT",
    client: ({ client }) => client.createMap("unmade", settings),
    stock: ({ maps }) =>
      maps.createMap({
        map: "unmade",
        settings: { canisterCapBytes: BigInt(settings.canisterCapBytes ?? 0), initialCanisters: settings.initialCanisters ?? 0 },
      }),
  })),
  ...unspeakableSettings.map(([name, settings]): BadInput => ({
    name,
    code: "INVALID_ARGUMENT",
    client: ({ client }) => client.createMap("unmade", settings),
  })),
  {
    name: "a token function of a later version, on the wire",
    code: "FRAME_INVALID",
    stock: ({ maps }) => maps.createMap({ map: "unmade", settings: { tokenFunction: 7 as TokenFunction } }),
  },
  {
    name: "a cap below the least, on the command line",
    code: "INVALID_ARGUMENT",
    command: () => ({ words: ["create", "unmade", "--canister-cap", "1KiB"], exitCode: 2 }),
  },
  {
    name: "a cap that is no size, on the command line",
    code: "INVALID_ARGUMENT",
    command: () => ({ words: ["create", "unmade", "--canister-cap", "much"], exitCode: 2, code: "USAGE" }),
  },
];

const alteredCursors: readonly (readonly [string, (server: ServerUnderTest) => Uint8Array])[] = [
  ["bytes that are no cursor", () => Buffer.from("forged")],
  ["a cursor of another layout", ({ seed }) => withByte(seed.cursor, 0, 9)],
  ["a cursor with one bit changed in its key", ({ seed }) => withByte(seed.cursor, seed.cursor.length - 1, (seed.cursor.at(-1) ?? 0) ^ 1)],
  ["a cursor with one bit changed in its check", ({ seed }) => withByte(seed.cursor, 1, (seed.cursor[1] ?? 0) ^ 128)],
  ["a cursor that was cut short", ({ seed }) => seed.cursor.subarray(0, -1)],
  ["a cursor with bytes behind it", ({ seed }) => Buffer.concat([seed.cursor, Buffer.alloc(1)])],
  ["a cursor longer than any", ({ seed }) => Buffer.concat([seed.cursor, Buffer.alloc(limits.keyMaxBytes)])],
];

export const scanCases: readonly BadInput[] = [
  ...alteredCursors.map(([name, cursorOf]): BadInput => ({
    name,
    code: "CURSOR_INVALID",
    client: (server) => drain(server.client.map(knownMap).scan({ cursor: cursorOf(server) })),
    stock: (server) => drain(server.maps.scan({ map: knownMap, cursor: cursorOf(server) })),
  })),
  {
    name: "a cursor of a map that was dropped and made again",
    code: "CURSOR_INVALID",
    client: ({ client, seed }) => drain(client.map(rebornMap).scan({ cursor: seed.staleCursor })),
    stock: ({ maps, seed }) => drain(maps.scan({ map: rebornMap, cursor: seed.staleCursor })),
    command: ({ seed }) => ({ words: ["scan", rebornMap, "--cursor", Buffer.from(seed.staleCursor).toString("base64")], exitCode: 2 }),
  },
  {
    name: "a cursor of another map",
    code: "CURSOR_INVALID",
    client: ({ client, seed }) => drain(client.map(emptyMap).scan({ cursor: seed.cursor })),
    stock: ({ maps, seed }) => drain(maps.scan({ map: binaryMap, cursor: seed.cursor })),
  },
  {
    name: "a cursor of a scan with another prefix",
    code: "CURSOR_INVALID",
    client: ({ client, seed }) => drain(client.map(knownMap).scan({ cursor: seed.cursor, prefix: "known" })),
    stock: ({ maps, seed }) => drain(maps.scan({ map: knownMap, cursor: seed.cursor, prefix: Buffer.from("known") })),
  },
  {
    name: "a cursor that is no base64",
    code: "INVALID_ARGUMENT",
    command: () => ({ words: ["scan", knownMap, "--cursor", "?!"], exitCode: 2 }),
  },
  {
    name: "a prefix longer than any key",
    code: "KEY_TOO_LARGE",
    client: async ({ client }) => drain(client.map(knownMap).scan({ prefix: "p".repeat(limits.keyMaxBytes + 1) })),
    stock: ({ maps }) => drain(maps.scan({ map: knownMap, prefix: Buffer.alloc(limits.keyMaxBytes + 1) })),
    command: () => ({ words: ["scan", knownMap, "--prefix", "p".repeat(limits.keyMaxBytes + 1)], exitCode: 2 }),
  },
  ...[-1, 1.5, NaN].map((limit): BadInput => ({
    name: `a limit of ${limit}`,
    code: "INVALID_ARGUMENT",
    client: async ({ client }) => drain(client.map(knownMap).scan({ limit })),
    command: () => ({ words: ["scan", knownMap, `--limit=${limit}`], exitCode: 2, code: "USAGE" }),
  })),
  {
    name: "a limit of 2^64 - 1 on the wire",
    code: "FRAME_INVALID",
    stock: ({ maps }) => drain(maps.scan({ map: knownMap, limit: 2n ** 64n - 1n })),
  },
  ...["forged", "bm90IGEgbmFtZSE", "=", "\u0000"].map((pageToken): BadInput => ({
    name: `the forged page token ${JSON.stringify(pageToken)}`,
    code: "INVALID_ARGUMENT",
    stock: ({ maps }) => maps.listMaps({ pageToken }),
  })),
];

export const canisterCases: readonly BadInput[] = [
  {
    name: "a split of an unknown canister",
    code: "CANISTER_NOT_FOUND",
    client: ({ client }) => client.splitCanister(unknownCanisterId),
    stock: ({ router }) => router.splitCanister({ canisterId: BigInt(unknownCanisterId) }),
    command: () => ({ words: ["split", String(unknownCanisterId)], exitCode: 3 }),
  },
  {
    name: "a split of a canister without entries",
    code: "CANISTER_UNSPLITTABLE",
    client: ({ client, seed }) => client.splitCanister(seed.emptyCanisterId),
    stock: ({ router, seed }) => router.splitCanister({ canisterId: BigInt(seed.emptyCanisterId) }),
    command: ({ seed }) => ({ words: ["split", String(seed.emptyCanisterId)], exitCode: 1 }),
  },
  {
    name: "a cut outside of the canister",
    code: "INVALID_ARGUMENT",
    client: ({ client, seed }) => client.splitCanister(seed.knownCanisterId, { cut: { high: 0xffffffff, low: 1 } }),
    stock: ({ router, seed }) => router.splitCanister({ canisterId: BigInt(seed.knownCanisterId), cutToken: 2n ** 64n - 1n }),
    command: ({ seed }) => ({ words: ["split", String(seed.knownCanisterId), "--at", "ffffffffffffffff"], exitCode: 2 }),
  },
  {
    name: "a cut at the canister's own start",
    code: "INVALID_ARGUMENT",
    client: ({ client, seed }) => client.splitCanister(seed.knownCanisterId, { cut: { high: 0, low: 0 } }),
    stock: ({ router, seed }) => router.splitCanister({ canisterId: BigInt(seed.knownCanisterId), cutToken: 0n }),
  },
  ...[-1, 1.5, NaN, 2 ** 53].map((canisterId): BadInput => ({
    name: `a split of canister ${canisterId}`,
    code: "INVALID_ARGUMENT",
    client: ({ client }) => client.splitCanister(canisterId),
  })),
  ...[
    { high: -1, low: 0 },
    { high: 2 ** 32, low: 0 },
    { high: 0.5, low: 7 },
    { high: 1, low: NaN },
  ].map((cut): BadInput => ({
    name: `a cut at (${cut.high}, ${cut.low})`,
    code: "INVALID_ARGUMENT",
    client: ({ client, seed }) => client.splitCanister(seed.knownCanisterId, { cut }),
  })),
  {
    name: "a canister's number of 2^53 on the wire",
    code: "FRAME_INVALID",
    stock: ({ router }) => router.splitCanister({ canisterId: 2n ** 53n }),
  },
  {
    name: "a command on an unknown canister",
    code: "CANISTER_NOT_FOUND",
    stock: ({ replica }) =>
      sameFailure([
        replica.createCanister({ canisterId: BigInt(unknownCanisterId) }),
        replica.startCanister({ canisterId: BigInt(unknownCanisterId) }),
        replica.stopCanister({ canisterId: BigInt(unknownCanisterId) }),
        replica.deleteCanister({ canisterId: BigInt(unknownCanisterId) }),
        replica.canisterStatus({ canisterId: BigInt(unknownCanisterId) }),
      ]),
  },
  {
    name: "the deletion of a canister that a ring names",
    code: "CANISTER_IN_USE",
    stock: ({ replica, seed }) => replica.deleteCanister({ canisterId: BigInt(seed.knownCanisterId) }),
  },
];

export const pipeCases: readonly BadInput[] = [
  {
    name: "an operation of an unknown kind",
    code: "FRAME_INVALID",
    pipe: () => [batchOf(knownMap, [[operation.unknownKind, Buffer.from(knownKey)]], value)],
  },
  {
    name: "an operation with an unknown condition",
    code: "FRAME_INVALID",
    pipe: () => [batchOf(knownMap, [[operation.unknownCondition, Buffer.from(knownKey)]], value)],
  },
  {
    name: "a query with a condition",
    code: "FRAME_INVALID",
    pipe: () => [batchOf(knownMap, [[operation.getIfAbsent, Buffer.from(knownKey)]], value)],
  },
  {
    name: "keys that are longer than their bytes",
    code: "FRAME_INVALID",
    pipe: () => [{ ...batchOf(knownMap, [[operation.put, Buffer.from(knownKey)]], value), keyBytes: [2 ** 32 - 1] }],
  },
  {
    name: "values that are shorter than their bytes",
    code: "FRAME_INVALID",
    pipe: () => [{ ...batchOf(knownMap, [[operation.put, Buffer.from(knownKey)]], value), valueBytes: [1] }],
  },
  {
    name: "a version that is missing",
    code: "FRAME_INVALID",
    pipe: () => [batchOf(knownMap, [[operation.putIfVersion, Buffer.from(knownKey)]], value)],
  },
  {
    name: "a version too many",
    code: "FRAME_INVALID",
    pipe: () => [batchOf(knownMap, [[operation.put, Buffer.from(knownKey)]], value, { ifVersions: [1n] })],
  },
  ...[[0n], [2n], [1n, 1n], [1n, 2n, 1n], [1n, 3n], [2n ** 53n]].map((batchIds): BadInput => ({
    name: `batches numbered ${batchIds.join(", ")}`,
    code: "FRAME_INVALID",
    // All but the last are good, and read only.
    pipe: () => batchIds.map((batchId) => batchOf(knownMap, [[operation.get, Buffer.from(knownKey)]], value, { batchId })),
  })),
];

function withByte(bytes: Uint8Array, place: number, byte: number): Uint8Array {
  return bytes.with(place, byte);
}
