/** Bad keys, values, batches, conditions and deadlines. */
import { bytes, json, limits } from "../../src/index.js";
import { batchOf, operation, type BadInput } from "./bad-input.js";
import { drain } from "./roads.js";
import { binaryMap, knownKey, knownMap } from "./server-under-test.js";

const value = Buffer.from("a value that must not arrive");
const key = Buffer.from("a key that must not come into being");
const tooLongKey = Buffer.alloc(limits.keyMaxBytes + 1, "k");
const tooLargeValue = Buffer.alloc(limits.valueMaxBytes + 1, "v");
const largeValue = Buffer.alloc(limits.valueMaxBytes, "v");
const tooManyKeys = Array.from({ length: limits.batchMaxOperations + 1 }, (_, i) => Buffer.from(`many-${i}`));
const largeBatch = Array.from({ length: 9 }, (_, i) => Buffer.from(`large-${i}`));
const pastVersions = 2n ** 53n;

const putOf = (some: Uint8Array, put = value) => ({ key: some, update: { case: "put" as const, value: put } });
const ifVersion = (version: bigint) => ({ condition: { case: "ifVersion" as const, value: version } });
const ifAbsent = { condition: { case: "ifAbsent" as const, value: true } };

export const keyAndValueCases: readonly BadInput[] = [
  {
    name: "a put with an empty key",
    code: "KEY_EMPTY",
    client: ({ client }) => client.map(knownMap).put("", value),
    stock: ({ maps }) => maps.put({ map: knownMap, value }),
    pipe: () => [batchOf(knownMap, [[operation.put, Buffer.alloc(0)]], value)],
    command: () => ({ words: ["put", knownMap, "", "v"], exitCode: 2 }),
  },
  {
    name: "a get of an empty key",
    code: "KEY_EMPTY",
    client: ({ client }) => client.map(knownMap).get(""),
    stock: ({ maps }) => maps.get({ map: knownMap }),
    pipe: () => [batchOf(knownMap, [[operation.get, Buffer.alloc(0)]], value)],
    command: () => ({ words: ["get", knownMap, ""], exitCode: 2 }),
  },
  {
    name: "a delete of an empty key",
    code: "KEY_EMPTY",
    client: ({ client }) => client.map(knownMap).delete(""),
    stock: ({ maps }) => maps.delete({ map: knownMap }),
    pipe: () => [batchOf(knownMap, [[operation.delete, Buffer.alloc(0)]], value)],
    command: () => ({ words: ["delete", knownMap, ""], exitCode: 2 }),
  },
  {
    name: "an empty key for a map that is not there, which must not make it",
    code: "KEY_EMPTY",
    client: ({ client }) => client.map("unmade").put("", value),
    stock: ({ maps }) => maps.put({ map: "unmade", value }),
    pipe: () => [batchOf("unmade", [[operation.put, Buffer.alloc(0)]], value, { atomic: true })],
  },
  {
    name: "a value that is too large for a map that is not there, which must not make it",
    code: "VALUE_TOO_LARGE",
    stock: ({ maps }) => maps.write({ map: "unmade", updates: [putOf(key), putOf(key, tooLargeValue)] }),
    pipe: () => [batchOf("unmade", [[operation.put, key]], tooLargeValue)],
  },
  {
    name: "a key of 4 KiB and one byte",
    code: "KEY_TOO_LARGE",
    client: ({ client }) => client.map(knownMap, { key: bytes }).put(tooLongKey, value),
    stock: ({ maps }) => maps.put({ map: knownMap, key: tooLongKey, value }),
    pipe: () => [batchOf(knownMap, [[operation.put, tooLongKey]], value)],
    command: () => ({ words: ["put", knownMap, tooLongKey.toString(), "v"], exitCode: 2 }),
  },
  {
    name: "a key whose characters are few and whose bytes are too many",
    code: "KEY_TOO_LARGE",
    client: ({ client }) => client.map(knownMap).get("é".repeat(limits.keyMaxBytes / 2 + 1)),
    stock: ({ maps }) =>
      maps.getMany({ map: knownMap, keys: [Buffer.from(knownKey), Buffer.from("é".repeat(limits.keyMaxBytes / 2 + 1))] }),
    command: () => ({ words: ["get", knownMap, "é".repeat(limits.keyMaxBytes / 2 + 1)], exitCode: 2 }),
  },
  {
    name: "a value of 1 MiB and one byte",
    code: "VALUE_TOO_LARGE",
    client: ({ client }) => client.map(knownMap).put(knownKey, tooLargeValue),
    stock: ({ maps }) => maps.put({ map: knownMap, key: Buffer.from(knownKey), value: tooLargeValue }),
    pipe: () => [batchOf(knownMap, [[operation.put, Buffer.from(knownKey)]], tooLargeValue)],
    command: () => ({ words: ["put", knownMap, knownKey], stdin: tooLargeValue, exitCode: 2 }),
  },
  {
    name: "text that UTF-8 cannot say",
    code: "CODEC_FAILED",
    client: ({ client }) => client.map(knownMap).put("half a pair \ud800", value),
  },
  {
    name: "a value that JSON cannot say",
    code: "CODEC_FAILED",
    client: ({ client }) => client.map(knownMap, { value: json() }).put(knownKey, undefined),
  },
  {
    name: "a stored key that is no UTF-8, read as text",
    code: "CODEC_FAILED",
    client: ({ client }) => drain(client.map(binaryMap).scan()),
  },
  {
    name: "a stored value that is no JSON, read as JSON",
    code: "CODEC_FAILED",
    client: ({ client }) => client.map(knownMap, { value: json() }).get(knownKey),
  },
  {
    name: "digits that are no bytes",
    code: "INVALID_ARGUMENT",
    command: () => ({ words: ["put", knownMap, "0g", "00", "--hex"], exitCode: 2 }),
  },
];

export const batchCases: readonly BadInput[] = [
  {
    name: "a batch with one empty key among good updates",
    code: "KEY_EMPTY",
    client: ({ client }) =>
      client.map(knownMap).write([
        { key: knownKey, put: value },
        { key: "", put: value },
      ]),
    stock: ({ maps }) => maps.write({ map: knownMap, updates: [putOf(Buffer.from(knownKey)), putOf(Buffer.alloc(0))] }),
    pipe: () => [
      batchOf(
        knownMap,
        [
          [operation.put, key],
          [operation.put, Buffer.alloc(0)],
        ],
        value,
        { atomic: true },
      ),
    ],
  },
  {
    name: "a batch whose last update, of the same canister, fails its condition",
    code: "CONDITION_FAILED",
    client: ({ client }) =>
      client.map(knownMap).write([
        { key: knownKey, put: value },
        { key: knownKey, delete: true, ifVersion: 1e9 },
      ]),
    stock: ({ maps }) =>
      maps.write({
        map: knownMap,
        updates: [putOf(Buffer.from(knownKey)), { ...putOf(Buffer.from(knownKey)), condition: ifVersion(10n ** 9n) }],
      }),
    pipe: () => [
      batchOf(
        knownMap,
        [
          [operation.put, Buffer.from(knownKey)],
          [operation.putIfAbsent, Buffer.from(knownKey)],
        ],
        value,
        { atomic: true },
      ),
    ],
  },
  {
    name: "a batch of 10,001 updates",
    code: "BATCH_TOO_LARGE",
    client: ({ client }) => client.map(knownMap, { key: bytes }).write(tooManyKeys.map((some) => ({ key: some, put: value }))),
    stock: ({ maps }) => maps.write({ map: knownMap, updates: tooManyKeys.map((some) => putOf(some)) }),
    pipe: () => [
      batchOf(
        knownMap,
        tooManyKeys.map((some) => [operation.put, some] as const),
        value,
      ),
    ],
  },
  {
    name: "a read of 10,001 keys in one message",
    code: "BATCH_TOO_LARGE",
    stock: ({ maps }) => maps.getMany({ map: knownMap, keys: tooManyKeys }),
    pipe: () => [
      batchOf(
        knownMap,
        tooManyKeys.map((some) => [operation.get, some] as const),
        value,
      ),
    ],
  },
  {
    name: "a batch of more than 8 MiB",
    code: "BATCH_TOO_LARGE",
    client: ({ client }) => client.map(knownMap, { key: bytes }).write(largeBatch.map((some) => ({ key: some, put: largeValue }))),
    stock: ({ maps }) => maps.write({ map: knownMap, updates: largeBatch.map((some) => putOf(some, largeValue)) }),
    pipe: () => [
      batchOf(
        knownMap,
        largeBatch.map((some) => [operation.put, some] as const),
        largeValue,
      ),
    ],
  },
  {
    name: "an update that neither puts nor deletes",
    code: "FRAME_INVALID",
    stock: ({ maps }) => maps.write({ map: knownMap, updates: [putOf(key), { key }] }),
  },
];

export const conditionCases: readonly BadInput[] = [
  {
    name: "if absent, of an entry that is there",
    code: "CONDITION_FAILED",
    client: ({ client }) => client.map(knownMap).put(knownKey, value, { ifAbsent: true }),
    stock: ({ maps }) => maps.put({ map: knownMap, key: Buffer.from(knownKey), value, condition: ifAbsent }),
    pipe: () => [batchOf(knownMap, [[operation.putIfAbsent, Buffer.from(knownKey)]], value)],
    command: () => ({ words: ["put", knownMap, knownKey, "v", "--if-absent"], exitCode: 4 }),
  },
  {
    name: "if version, of a version that was never given",
    code: "CONDITION_FAILED",
    client: ({ client, seed }) => client.map(knownMap).delete(knownKey, { ifVersion: seed.knownVersion + 1 }),
    stock: ({ maps, seed }) =>
      maps.delete({ map: knownMap, key: Buffer.from(knownKey), condition: ifVersion(BigInt(seed.knownVersion + 1)) }),
    pipe: ({ seed }) => [
      batchOf(knownMap, [[operation.putIfVersion, Buffer.from(knownKey)]], value, { ifVersions: [BigInt(seed.knownVersion + 1)] }),
    ],
    command: ({ seed }) => ({ words: ["delete", knownMap, knownKey, "--if-version", String(seed.knownVersion + 1)], exitCode: 4 }),
  },
  {
    name: "if version 0, which no entry has, of a key without an entry",
    code: "CONDITION_FAILED",
    client: ({ client }) => client.map(knownMap, { key: bytes }).put(key, value, { ifVersion: 0 }),
    stock: ({ maps }) => maps.put({ map: knownMap, key, value, condition: ifVersion(0n) }),
    pipe: () => [batchOf(knownMap, [[operation.putIfVersion, key]], value, { ifVersions: [0n] })],
  },
  {
    name: "a version of 2^53",
    code: "INVALID_ARGUMENT",
    client: ({ client }) => client.map(knownMap).put(knownKey, value, { ifVersion: 2 ** 53 }),
    command: () => ({ words: ["put", knownMap, knownKey, "v", "--if-version", String(pastVersions)], exitCode: 2, code: "USAGE" }),
  },
  {
    name: "a version of 2^53 on the wire",
    code: "FRAME_INVALID",
    stock: ({ maps }) => maps.put({ map: knownMap, key: Buffer.from(knownKey), value, condition: ifVersion(pastVersions) }),
    pipe: () => [batchOf(knownMap, [[operation.putIfVersion, Buffer.from(knownKey)]], value, { ifVersions: [pastVersions] })],
  },
  ...[-1, 0.5, NaN].map((version): BadInput => ({
    name: `a version of ${version}`,
    code: "INVALID_ARGUMENT",
    client: ({ client }) => client.map(knownMap).delete(knownKey, { ifVersion: version }),
    command: () => ({ words: ["put", knownMap, knownKey, "v", `--if-version=${version}`], exitCode: 2, code: "USAGE" }),
  })),
  {
    name: "both conditions at once",
    code: "INVALID_ARGUMENT",
    client: ({ client }) => client.map(knownMap).put(knownKey, value, { ifAbsent: true, ifVersion: 1 }),
    command: () => ({ words: ["put", knownMap, knownKey, "v", "--if-absent", "--if-version", "1"], exitCode: 2, code: "USAGE" }),
  },
  {
    name: "a condition that is true only in spirit",
    code: "INVALID_ARGUMENT",
    client: ({ client }) => client.map(knownMap).put(knownKey, value, { ifAbsent: "yes" as unknown as boolean }),
  },
  {
    name: "an entry that is no pair",
    code: "INVALID_ARGUMENT",
    client: ({ client }) => client.map(knownMap).putMany([null as unknown as [string, Buffer]]),
  },
  {
    name: "one text in place of several keys",
    code: "INVALID_ARGUMENT",
    client: ({ client }) => client.map(knownMap).getMany("abc"),
  },
  ...[0, -1, NaN].map((timeoutMs): BadInput => ({
    name: `a timeout of ${timeoutMs} ms`,
    code: "INVALID_ARGUMENT",
    client: ({ client }) => client.map(knownMap).put(knownKey, value, { timeoutMs }),
  })),
  {
    name: "a signal that was aborted before the call",
    code: "CANCELLED",
    client: ({ client }) => client.map(knownMap).put(knownKey, value, { signal: AbortSignal.abort() }),
  },
];
