import { describe, test, before, after } from "node:test";
import assert from "node:assert/strict";
import {
  BigMapError,
  bytes,
  compareTokens,
  json,
  limits,
  tokenOf,
  utf8,
  type BigMap,
  type Codec,
  type ErrorCode,
  type UpdateOutcome,
} from "../../src/index.js";

export interface OpenMap {
  readonly bigmap: BigMap;
  close(): Promise<void>;
}

/** What an error of the map API looks like to `assert.rejects`. */
export function failsWith(code: ErrorCode): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof BigMapError, `expected a BigMapError, got ${String(error)}`);
    assert.equal(error.code, code, error.message);
    return true;
  };
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function filled(sizeBytes: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, i) => (i * 31 + seed) & 0xff);
}

function codesOf(outcomes: readonly UpdateOutcome[]): (ErrorCode | "ok")[] {
  return outcomes.map((outcome) => (outcome.ok ? "ok" : outcome.error.code));
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

/** The specification of the map API. Whoever stands behind it (in-process, one replica, many) must pass. */
export function mapApiSuite(name: string, open: () => Promise<OpenMap>): void {
  describe(`map API: ${name}`, () => {
    let opened: OpenMap;
    let bigmap: BigMap;
    let maps = 0;
    const freshName = (): string => `suite-${++maps}`;

    before(async () => {
      opened = await open();
      bigmap = opened.bigmap;
    });
    after(() => opened.close());

    const ports = { bigmap: () => bigmap, freshName };
    describe("entries", () => entryTests(ports));
    describe("limits and bad input", () => limitTests(ports));
    describe("conditions", () => conditionTests(ports));
    describe("several keys", () => batchTests(ports));
    describe("codecs", () => codecTests(ports));
    describe("order and handles", () => orderTests(ports));
    describe("scan", () => scanTests(ports));
    describe("maps", () => mapTests(ports));
    describe("router", () => routerTests(ports));
  });
}

interface SuitePorts {
  bigmap(): BigMap;
  freshName(): string;
}

function entryTests({ bigmap, freshName }: SuitePorts): void {
  test("a put entry is read back, overwritten and deleted", async () => {
    const map = bigmap().map(freshName());
    await map.put("a", text("one"));
    assert.deepEqual(await map.get("a"), text("one"));
    await map.put("a", text("two"));
    assert.deepEqual(await map.get("a"), text("two"));
    assert.equal(await map.delete("a"), true);
    assert.equal(await map.get("a"), undefined);
    assert.equal(await map.delete("a"), false);
  });

  test("an absent entry is undefined, and is not there", async () => {
    const map = bigmap().map(freshName());
    await map.put("there", text("x"));
    assert.equal(await map.get("absent"), undefined);
    assert.equal(await map.getEntry("absent"), undefined);
    assert.equal(await map.has("absent"), false);
    assert.equal(await map.has("there"), true);
  });

  test("an empty value is an entry", async () => {
    const map = bigmap().map(freshName());
    const version = await map.put("empty", new Uint8Array(0));
    assert.ok(version > 0);
    assert.deepEqual(await map.get("empty"), new Uint8Array(0));
    assert.equal(await map.has("empty"), true);
    assert.equal(await map.delete("empty"), true);
  });

  test("keys of one byte and of 4 KiB, values of 1 MiB", async () => {
    const map = bigmap().map(freshName(), { key: bytes });
    const longKey = filled(limits.keyMaxBytes, 1);
    const largeValue = filled(limits.valueMaxBytes, 2);
    await map.put(Uint8Array.of(0), largeValue);
    await map.put(longKey, text("long"));
    await map.put(longKey.subarray(0, longKey.length - 1), text("shorter"));
    assert.deepEqual(await map.get(Uint8Array.of(0)), largeValue);
    assert.deepEqual(await map.get(longKey), text("long"));
    assert.deepEqual(await map.get(longKey.subarray(0, longKey.length - 1)), text("shorter"));
  });

  test("every byte may be in a key, and keys differ where their bytes differ", async () => {
    const map = bigmap().map(freshName(), { key: bytes });
    const keys = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    await map.putMany(keys.map((key) => [key, key] as const));
    await map.put(Uint8Array.of(0, 0), text("two zeros"));
    assert.deepEqual(await map.getMany(keys), keys);
    assert.deepEqual(await map.get(Uint8Array.of(0)), Uint8Array.of(0));
    assert.deepEqual(await map.get(Uint8Array.of(0, 0)), text("two zeros"));
  });

  test("text beyond ASCII comes back as it was, in keys and values", async () => {
    const map = bigmap().map(freshName(), { value: utf8 });
    const words = ["Käse", "ключ", "鍵", "🗺️", "e\u0301", "\u00e9", "\ufeffmark", "a\u0000b", "\ufffd"];
    for (const word of words) await map.put(word, `${word}!`);
    assert.deepEqual(
      await map.getMany(words),
      words.map((word) => `${word}!`),
    );
  });

  test("the caller may change its buffers once the call has returned", async () => {
    const map = bigmap().map(freshName(), { key: bytes });
    const key = Uint8Array.of(7);
    const value = text("kept");
    const written = map.put(key, value);
    key[0] = 8;
    value.fill(0);
    await written;
    assert.deepEqual(await map.get(Uint8Array.of(7)), text("kept"));
    assert.equal(await map.has(Uint8Array.of(8)), false);
  });

  test("an entry's version is that of its last put, and grows", async () => {
    const map = bigmap().map(freshName());
    const first = await map.put("v", text("1"));
    const second = await map.put("v", text("2"));
    assert.ok(second > first);
    assert.deepEqual(await map.getEntry("v"), { value: text("2"), version: second });
  });
}

function limitTests({ bigmap, freshName }: SuitePorts): void {
  test("an empty key is KEY_EMPTY everywhere", async () => {
    const map = bigmap().map(freshName());
    await assert.rejects(map.get(""), failsWith("KEY_EMPTY"));
    await assert.rejects(map.has(""), failsWith("KEY_EMPTY"));
    await assert.rejects(map.put("", text("x")), failsWith("KEY_EMPTY"));
    await assert.rejects(map.delete(""), failsWith("KEY_EMPTY"));
    await assert.rejects(map.getMany(["a", ""]), failsWith("KEY_EMPTY"));
    await assert.rejects(map.write([{ key: "", delete: true }]), failsWith("KEY_EMPTY"));
  });

  test("a key over 4 KiB is KEY_TOO_LARGE, counted in bytes", async () => {
    const map = bigmap().map(freshName());
    await assert.rejects(map.put("k".repeat(limits.keyMaxBytes + 1), text("x")), failsWith("KEY_TOO_LARGE"));
    await assert.rejects(map.put("é".repeat(limits.keyMaxBytes / 2 + 1), text("x")), failsWith("KEY_TOO_LARGE"));
    assert.ok((await map.put("é".repeat(limits.keyMaxBytes / 2), text("x"))) > 0);
  });

  test("a value over 1 MiB is VALUE_TOO_LARGE and writes nothing", async () => {
    const map = bigmap().map(freshName());
    await map.put("v", text("small"));
    await assert.rejects(map.put("v", new Uint8Array(limits.valueMaxBytes + 1)), failsWith("VALUE_TOO_LARGE"));
    assert.deepEqual(await map.get("v"), text("small"));
  });

  test("ill names of maps are MAP_NAME_INVALID", async () => {
    for (const name of ["", "-a", ".a", "a b", "a/b", "ä", "n".repeat(limits.mapNameMaxChars + 1)]) {
      assert.throws(() => bigmap().map(name), failsWith("MAP_NAME_INVALID"), name);
      await assert.rejects(bigmap().createMap(name), failsWith("MAP_NAME_INVALID"), name);
      await assert.rejects(bigmap().dropMap(name), failsWith("MAP_NAME_INVALID"), name);
    }
  });

  test("options that make no sense are INVALID_ARGUMENT", async () => {
    const map = bigmap().map(freshName());
    await assert.rejects(map.put("k", text("x"), { ifAbsent: true, ifVersion: 1 }), failsWith("INVALID_ARGUMENT"));
    for (const ifVersion of [-1, 0.5, NaN, 2 ** 53]) await assert.rejects(map.delete("k", { ifVersion }), failsWith("INVALID_ARGUMENT"));
    for (const timeoutMs of [0, -1, NaN]) await assert.rejects(map.get("k", { timeoutMs }), failsWith("INVALID_ARGUMENT"));
    assert.throws(() => map.scan({ limit: -1 }), failsWith("INVALID_ARGUMENT"));
    for (const timeoutMs of [0, -1, NaN]) assert.throws(() => map.scan({ timeoutMs }), failsWith("INVALID_ARGUMENT"));
  });

  test("a signal that is aborted already is CANCELLED and nothing is done", async () => {
    const map = bigmap().map(freshName());
    await map.put("k", text("before"));
    const signal = AbortSignal.abort();
    await assert.rejects(map.put("k", text("after"), { signal }), failsWith("CANCELLED"));
    await assert.rejects(map.get("k", { signal }), failsWith("CANCELLED"));
    await assert.rejects(collect(map.scan({ signal })), failsWith("CANCELLED"));
    assert.deepEqual(await map.get("k"), text("before"));
  });

  test("calls with a timeout and a signal of their own are answered like others", async () => {
    const map = bigmap().map(freshName());
    const { signal } = new AbortController();
    await map.put("k", text("x"), { timeoutMs: 20_000, signal });
    assert.deepEqual(await map.get("k", { timeoutMs: 20_000 }), text("x"));
    assert.deepEqual(codesOf(await map.putMany([["l", text("y")]], { signal })), ["ok"]);
    assert.equal((await collect(map.scan({ timeoutMs: 20_000, signal }))).length, 2);
  });

  test("one signal may stand for many scans at once, without a warning", async () => {
    const map = bigmap().map(freshName());
    await map.put("k", text("x"));
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const { signal } = new AbortController();
    const scans = await Promise.all(Array.from({ length: 40 }, () => collect(map.scan({ signal }))));
    process.off("warning", onWarning);
    assert.ok(scans.every((entries) => entries.length === 1));
    assert.deepEqual(warnings, []);
  });
}

function conditionTests({ bigmap, freshName }: SuitePorts): void {
  test("ifAbsent writes once", async () => {
    const map = bigmap().map(freshName());
    const version = await map.put("k", text("first"), { ifAbsent: true });
    await assert.rejects(map.put("k", text("second"), { ifAbsent: true }), (error: BigMapError) => {
      assert.equal(error.code, "CONDITION_FAILED");
      assert.equal(error.currentVersion, version);
      return true;
    });
    assert.deepEqual(await map.get("k"), text("first"));
    await map.delete("k");
    assert.ok((await map.put("k", text("third"), { ifAbsent: true })) > version);
  });

  test("ifVersion replaces the version that was read, and no other", async () => {
    const map = bigmap().map(freshName());
    const first = await map.put("k", text("1"));
    const second = await map.put("k", text("2"), { ifVersion: first });
    await assert.rejects(map.put("k", text("3"), { ifVersion: first }), (error: BigMapError) => {
      assert.equal(error.code, "CONDITION_FAILED");
      assert.equal(error.currentVersion, second);
      return true;
    });
    assert.deepEqual(await map.getEntry("k"), { value: text("2"), version: second });
  });

  test("ifVersion of an absent entry fails and names version 0", async () => {
    const map = bigmap().map(freshName());
    await map.put("other", text("x"));
    for (const call of [map.put("k", text("x"), { ifVersion: 1 }), map.delete("k", { ifVersion: 1 })]) {
      await assert.rejects(call, (error: BigMapError) => error.code === "CONDITION_FAILED" && error.currentVersion === 0);
    }
    assert.equal(await map.has("k"), false);
  });

  test("a delete may be conditional too", async () => {
    const map = bigmap().map(freshName());
    const old = await map.put("k", text("1"));
    const now = await map.put("k", text("2"));
    await assert.rejects(map.delete("k", { ifVersion: old }), failsWith("CONDITION_FAILED"));
    assert.equal(await map.delete("k", { ifVersion: now }), true);
    assert.equal(await map.has("k"), false);
  });

  test("a version that was deleted, by itself or with all others, never holds again", async () => {
    const map = bigmap().map(freshName());
    const old: number[] = [];
    for (const end of [() => map.delete("k"), () => map.clear(), () => map.delete("k")]) {
      old.push(await map.put("k", text("before")));
      await end();
    }
    const now = await map.put("k", text("after"));
    for (const ifVersion of old) await assert.rejects(map.put("k", text("late"), { ifVersion }), failsWith("CONDITION_FAILED"));
    assert.deepEqual(await map.getEntry("k"), { value: text("after"), version: now });
  });

  test("of many who put the same absent key at once one wins", async () => {
    const map = bigmap().map(freshName(), { value: utf8 });
    const tries = Array.from({ length: 50 }, (_, i) =>
      map.put("k", `writer ${i}`, { ifAbsent: true }).then(
        () => i,
        () => undefined,
      ),
    );
    const winners = (await Promise.all(tries)).filter((winner) => winner !== undefined);
    assert.equal(winners.length, 1);
    assert.equal(await map.get("k"), `writer ${winners[0]}`);
  });
}

function batchTests({ bigmap, freshName }: SuitePorts): void {
  test("putMany, getMany and deleteMany answer in the order of their keys", async () => {
    const map = bigmap().map(freshName(), { value: utf8 });
    const keys = Array.from({ length: 500 }, (_, i) => `key ${i}`);
    const written = await map.putMany(keys.map((key) => [key, `value of ${key}`] as const));
    assert.equal(written.length, keys.length);
    assert.ok(written.every((outcome) => outcome.ok && outcome.version > 0));
    assert.deepEqual(await map.getMany(["absent", ...keys]), [undefined, ...keys.map((key) => `value of ${key}`)]);
    const deleted = await map.deleteMany(["absent", ...keys.slice(0, 250)]);
    assert.deepEqual(
      deleted.map((outcome) => outcome.ok && outcome.existed),
      [false, ...keys.slice(0, 250).map(() => true)],
    );
    assert.equal((await map.stats()).entries, 250);
  });

  test("nothing asked is nothing answered", async () => {
    const map = bigmap().map(freshName());
    assert.deepEqual(await map.getMany([]), []);
    assert.deepEqual(await map.putMany([]), []);
    assert.deepEqual(await map.deleteMany([]), []);
    assert.deepEqual(await map.write([]), []);
  });

  test("putMany takes more operations and more bytes than one batch may have", async () => {
    const map = bigmap().map(freshName(), { key: bytes });
    const many = Array.from({ length: limits.batchMaxOperations + 1 }, (_, i) => [text(`n${i}`), text(`${i}`)] as const);
    const large = Array.from({ length: 10 }, (_, i) => [text(`l${i}`), filled(limits.valueMaxBytes, i)] as const);
    const outcomes = await map.putMany([...many, ...large]);
    assert.ok(outcomes.every((outcome) => outcome.ok));
    const entries = [...many, ...large];
    const values = await map.getMany(entries.map(([key]) => key));
    values.forEach((value, i) => assert.equal(Buffer.compare(value ?? text("absent"), entries[i]?.[1] ?? text("missing")), 0));
  });

  test("a later entry of one key wins in putMany", async () => {
    const map = bigmap().map(freshName(), { value: utf8 });
    await map.putMany([
      ["k", "1"],
      ["k", "2"],
      ["k", "3"],
    ]);
    assert.equal(await map.get("k"), "3");
  });

  test("write mixes puts, deletes and conditions over several canisters", async () => {
    const map = bigmap().map(freshName(), { value: utf8 });
    await map.putMany(Array.from({ length: 40 }, (_, i) => [`old ${i}`, "x"] as const));
    const puts = Array.from({ length: 40 }, (_, i) => ({ key: `new ${i}`, put: `${i}`, ifAbsent: true }));
    const deletes = Array.from({ length: 40 }, (_, i) => ({ key: `old ${i}`, delete: true as const }));
    const outcomes = await map.write([...puts, ...deletes]);
    assert.deepEqual(
      codesOf(outcomes),
      [...puts, ...deletes].map(() => "ok"),
    );
    assert.deepEqual(
      outcomes.slice(40).map((outcome) => outcome.ok && outcome.existed),
      deletes.map(() => true),
    );
    assert.equal((await map.stats()).entries, 40);
  });

  test("a write that fails in one canister changes nothing there and everything elsewhere", async () => {
    const name = freshName();
    await bigmap().createMap(name, { initialCanisters: 4 });
    const map = bigmap().map(name, { value: utf8 });
    const keys = Array.from({ length: 40 }, (_, i) => `key ${i}`);
    await map.put("key 0", "there already");
    const outcomes = await map.write(keys.map((key) => ({ key, put: "new", ifAbsent: true })));
    const { ring } = await bigmap().ring(name);
    const placeOf = (key: string): number => {
      const token = tokenOf(text(key));
      return ring.indexOf(token.high, token.low);
    };
    const values = await map.getMany(keys);
    keys.forEach((key, i) => {
      const failed = placeOf(key) === placeOf("key 0");
      assert.equal(codesOf(outcomes)[i], i === 0 ? "CONDITION_FAILED" : failed ? "BATCH_ABORTED" : "ok", key);
      assert.equal(values[i], i === 0 ? "there already" : failed ? undefined : "new", key);
    });
    assert.ok(codesOf(outcomes).includes("ok") && codesOf(outcomes).includes("BATCH_ABORTED"));
  });

  test("write is BATCH_TOO_LARGE past 10,000 updates or 8 MiB, and then writes nothing", async () => {
    const map = bigmap().map(freshName());
    await map.put("first", text("x"));
    const many = Array.from({ length: limits.batchMaxOperations + 1 }, (_, i) => ({ key: `${i}`, put: text("") }));
    await assert.rejects(map.write(many), failsWith("BATCH_TOO_LARGE"));
    const large = Array.from({ length: 8 }, (_, i) => ({ key: `${i}`, put: new Uint8Array(limits.valueMaxBytes) }));
    await assert.rejects(map.write(large), failsWith("BATCH_TOO_LARGE"));
    assert.equal((await map.stats()).entries, 1);
  });

  test("write takes exactly 10,000 updates", async () => {
    const map = bigmap().map(freshName());
    const outcomes = await map.write(Array.from({ length: limits.batchMaxOperations }, (_, i) => ({ key: `${i}`, put: text(`${i}`) })));
    assert.ok(outcomes.every((outcome) => outcome.ok));
    assert.equal((await map.stats()).entries, limits.batchMaxOperations);
  });
}

function codecTests({ bigmap, freshName }: SuitePorts): void {
  test("JSON values are typed and come back equal", async () => {
    const people = bigmap().map(freshName(), { value: json<{ name: string; age: number | null; tags?: string[] }>() });
    const person = { name: "Åse 🗺️", age: null, tags: ["a", "b"] };
    await people.put("p", person);
    assert.deepEqual(await people.get("p"), person);
    const found = await collect(people.scan());
    assert.deepEqual(
      found.map(({ key, value }) => ({ key, value })),
      [{ key: "p", value: person }],
    );
  });

  test("a codec of one's own turns any type into bytes, for keys too", async () => {
    const number: Codec<number> = {
      encode: (value) => Buffer.from(Uint32Array.of(value).buffer),
      decode: (stored) => Buffer.from(stored).readUInt32LE(0),
    };
    const map = bigmap().map(freshName(), { key: number, value: number });
    await map.putMany([
      [1, 10],
      [2, 20],
      [2 ** 31, 30],
    ]);
    assert.deepEqual(await map.getMany([2, 1, 2 ** 31, 3]), [20, 10, 30, undefined]);
    const keys = (await collect(map.scan({ keysOnly: true }))).map(({ key }) => key);
    assert.deepEqual(
      keys.sort((left, right) => left - right),
      [1, 2, 2 ** 31],
    );
  });

  test("what a codec cannot turn is CODEC_FAILED, and harms no other operation", async () => {
    const name = freshName();
    const raw = bigmap().map(name);
    const values = bigmap().map(name, { value: json() });
    await raw.putMany([
      ["broken", text("{")],
      ["not text", Uint8Array.of(0xff)],
      ["good", text("1")],
    ]);
    const asked = [values.get("broken"), values.get("not text"), values.get("good")];
    const [broken, notText, good] = await Promise.allSettled(asked);
    assert.ok(broken?.status === "rejected" && failsWith("CODEC_FAILED")(broken.reason));
    assert.ok(notText?.status === "rejected" && failsWith("CODEC_FAILED")(notText.reason));
    assert.deepEqual(good, { status: "fulfilled", value: 1 });
    await assert.rejects(values.put("k", undefined), failsWith("CODEC_FAILED"));
    await assert.rejects(values.put("k", 1n), failsWith("CODEC_FAILED"));
    await assert.rejects(raw.put("k", "text" as unknown as Uint8Array), failsWith("CODEC_FAILED"));
    await assert.rejects(raw.get(1 as unknown as string), failsWith("CODEC_FAILED"));
    await assert.rejects(raw.get("half \ud800 pair"), failsWith("CODEC_FAILED"));
  });
}

function orderTests({ bigmap, freshName }: SuitePorts): void {
  test("operations on one key that nobody awaits take effect in order", async () => {
    const map = bigmap().map(freshName(), { value: utf8 });
    const answers = await Promise.all([
      map.put("k", "1"),
      map.get("k"),
      map.delete("k"),
      map.get("k"),
      map.has("k"),
      map.put("k", "2"),
      map.get("k"),
      map.put("k", "3"),
      map.get("k"),
      map.delete("k"),
      map.delete("k"),
    ]);
    const [one, afterOne, deleted, gone, had, two, afterTwo, three, afterThree, deletedThree, deletedNothing] = answers;
    assert.deepEqual([afterOne, deleted, gone, had, afterTwo, afterThree], ["1", true, undefined, false, "2", "3"]);
    assert.deepEqual([deletedThree, deletedNothing], [true, false]);
    assert.ok(one < two && two < three);
  });

  test("order holds over turns of the loop, handles and ways to ask", async () => {
    const name = freshName();
    const left = bigmap().map(name, { value: utf8 });
    const right = bigmap().map(name, { value: utf8 });
    const asked: Promise<string | undefined>[] = [];
    for (let i = 0; i < 100; i++) {
      void left.put("k", `left ${i}`);
      asked.push(right.get("k"));
      void right.write([{ key: "k", put: `right ${i}` }]);
      asked.push(left.get("k", { timeoutMs: 25_000 }));
      if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const expected = Array.from({ length: 100 }, (_, i) => [`left ${i}`, `right ${i}`]).flat();
    assert.deepEqual(await Promise.all(asked), expected);
  });

  test("many callers who await one operation each all get their own answer", async () => {
    const map = bigmap().map(freshName(), { value: utf8 });
    const caller = async (number: number): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        const key = `caller ${number} round ${round % 5}`;
        await map.put(key, `${key} written in ${round}`);
        assert.equal(await map.get(key), `${key} written in ${round}`);
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, number) => caller(number)));
    assert.equal((await map.stats()).entries, 64 * 5);
  });
}

function scanTests({ bigmap, freshName }: SuitePorts): void {
  const keys = Array.from({ length: 3_000 }, (_, i) => `${i % 3 === 0 ? "fizz" : "other"}/${i}`);
  let name: string;
  before(async () => {
    name = freshName();
    await bigmap()
      .map(name, { value: utf8 })
      .putMany(keys.map((key) => [key, `value of ${key}`] as const));
  });

  test("sees every entry once, in ring order, with its value and version", async () => {
    const map = bigmap().map(name, { value: utf8 });
    const entries = await collect(map.scan());
    const inOrder = [...keys].sort((left, right) => compareTokens(tokenOf(text(left)), tokenOf(text(right))));
    assert.deepEqual(
      entries.map(({ key }) => key),
      inOrder,
    );
    assert.ok(entries.every(({ key, value, version }) => value === `value of ${key}` && version > 0));
  });

  test("a prefix picks, a limit ends, keysOnly leaves values out", async () => {
    const map = bigmap().map(name, { value: utf8 });
    const fizz = await collect(map.scan({ prefix: "fizz/", keysOnly: true }));
    assert.deepEqual(fizz.map(({ key }) => key).sort(), keys.filter((key) => key.startsWith("fizz/")).sort());
    assert.ok(fizz.every(({ value }) => value === undefined));
    assert.equal((await collect(map.scan({ prefix: "nobody" }))).length, 0);
    assert.equal((await collect(map.scan({ limit: 0 }))).length, 0);
    const first = await collect(map.scan({ limit: 10 }));
    assert.deepEqual(first, (await collect(map.scan())).slice(0, 10));
  });

  test("scans that resume from cursors see each entry once", async () => {
    const map = bigmap().map(name, { value: utf8 });
    const seen: string[] = [];
    let cursor: Uint8Array | undefined;
    for (;;) {
      const scan = map.scan({ prefix: "fizz/", limit: 97, ...(cursor === undefined ? {} : { cursor }) });
      for await (const { key } of scan) seen.push(key);
      if (scan.ended) break;
      cursor = scan.cursor;
    }
    const whole = await collect(map.scan({ prefix: "fizz/" }));
    assert.deepEqual(
      seen,
      whole.map(({ key }) => key),
    );
  });

  test("pages hold the same entries and say where to resume", async () => {
    const map = bigmap().map(name, { value: utf8 });
    const pages = await collect(map.scan().pages());
    assert.equal(pages.at(-1)?.cursor, undefined);
    assert.deepEqual(
      pages.flatMap(({ entries }) => entries),
      await collect(map.scan()),
    );
  });

  test("large values make pages by bytes", async () => {
    const map = bigmap().map(freshName());
    await map.putMany(Array.from({ length: 6 }, (_, i) => [`${i}`, filled(limits.valueMaxBytes, i)] as const));
    const entries = await collect(map.scan());
    assert.deepEqual(entries.map(({ key }) => key).sort(), ["0", "1", "2", "3", "4", "5"]);
    for (const { key, value } of entries) assert.equal(Buffer.compare(value, filled(limits.valueMaxBytes, Number(key))), 0);
  });

  test("a cursor that was not ours is CURSOR_INVALID", async () => {
    const map = bigmap().map(name);
    for (const cursor of [text("nonsense"), new Uint8Array(1), filled(100, 9)]) {
      await assert.rejects(collect(map.scan({ cursor })), failsWith("CURSOR_INVALID"));
    }
  });

  test("a scan of an emptied map sees nothing", async () => {
    const map = bigmap().map(freshName());
    await map.put("k", text("x"));
    await map.delete("k");
    assert.deepEqual(await collect(map.scan()), []);
  });
}

function mapTests({ bigmap, freshName }: SuitePorts): void {
  test("reading a map that does not exist is MAP_NOT_FOUND; its first write makes it", async () => {
    const name = freshName();
    const map = bigmap().map(name);
    const reads = [map.get("k"), map.has("k"), map.getEntry("k"), map.getMany(["k"]), map.stats(), map.clear(), collect(map.scan())];
    for (const outcome of await Promise.allSettled(reads)) {
      assert.ok(outcome.status === "rejected" && failsWith("MAP_NOT_FOUND")(outcome.reason));
    }
    await assert.rejects(bigmap().dropMap(name), failsWith("MAP_NOT_FOUND"));
    await map.put("k", text("x"));
    assert.deepEqual(await map.get("k"), text("x"));
    assert.equal((await map.stats()).settings.initialCanisters, limits.initialCanistersDefault);
  });

  test("many first writes at once make one map", async () => {
    const map = bigmap().map(freshName());
    await Promise.all(Array.from({ length: 100 }, (_, i) => map.put(`${i}`, text(`${i}`))));
    assert.equal((await map.stats()).entries, 100);
  });

  test("createMap takes settings, and a name once", async () => {
    const name = freshName();
    const made = await bigmap().createMap(name, { initialCanisters: 7, canisterCapBytes: 2 ** 20 });
    assert.equal(made.map, name);
    assert.equal(made.settings.initialCanisters, 7);
    assert.equal(made.settings.canisterCapBytes, 2 ** 20);
    await assert.rejects(bigmap().createMap(name), failsWith("MAP_EXISTS"));
    const stats = await bigmap().map(name).stats();
    assert.equal(stats.canisters, 7);
    assert.equal(stats.entries, 0);
  });

  test("listMaps lists every map once, in the order of names", async () => {
    const made = Array.from({ length: 30 }, (_, i) => `${freshName()}-listed-${i}`);
    for (const name of made) await bigmap().createMap(name, { initialCanisters: 1 });
    const names = (await collect(bigmap().listMaps())).map(({ map }) => map);
    assert.deepEqual(names, [...names].sort());
    assert.equal(new Set(names).size, names.length);
    for (const name of made) assert.ok(names.includes(name), name);
  });

  test("a dropped map is gone, and may be made anew, empty", async () => {
    const name = freshName();
    const map = bigmap().map(name);
    await map.put("k", text("x"));
    await bigmap().dropMap(name);
    await assert.rejects(map.get("k"), failsWith("MAP_NOT_FOUND"));
    await map.put("other", text("y"));
    assert.equal(await map.get("k"), undefined);
    assert.equal((await map.stats()).entries, 1);
  });

  test("clear deletes everything and tells how many", async () => {
    const map = bigmap().map(freshName());
    await map.putMany(Array.from({ length: 300 }, (_, i) => [`${i}`, text("x")] as const));
    assert.equal(await map.clear(), 300);
    assert.equal(await map.clear(), 0);
    const stats = await map.stats();
    assert.deepEqual([stats.entries, stats.bytes], [0, 0]);
    assert.equal(await map.has("1"), false);
    await map.put("1", text("again"));
    assert.deepEqual(await map.get("1"), text("again"));
  });

  test("stats count entries and bytes exactly", async () => {
    const map = bigmap().map(freshName());
    await map.putMany([
      ["ab", text("12345")],
      ["c", text("")],
      ["gone", text("xyz")],
    ]);
    await map.put("ab", text("123"));
    await map.delete("gone");
    const stats = await map.stats();
    assert.equal(stats.entries, 2);
    assert.equal(stats.bytes, 2 + 3 + 1 + 0 + 2 * limits.entryOverheadBytes);
  });

  test("maps do not see each other's entries", async () => {
    const left = bigmap().map(freshName());
    const right = bigmap().map(freshName());
    await Promise.all([left.put("k", text("left")), right.put("k", text("right"))]);
    await left.delete("k");
    assert.deepEqual(await right.get("k"), text("right"));
  });
}

function routerTests({ bigmap, freshName }: SuitePorts): void {
  test("the ring covers the map's canisters; the topology names them", async () => {
    const name = freshName();
    await bigmap().createMap(name, { initialCanisters: 5 });
    const { ring, replicas, map } = await bigmap().ring(name);
    assert.equal(map, name);
    assert.equal(ring.size, 5);
    assert.ok(ring.replicaIds.every((replicaId) => replicas.some((replica) => replica.replicaId === replicaId)));
    assert.deepEqual(
      (await bigmap().topology(name)).maps.map((description) => description.map),
      [name],
    );
    await assert.rejects(bigmap().ring(freshName()), failsWith("MAP_NOT_FOUND"));
  });

  test("watching a ring begins with the ring now", async () => {
    const name = freshName();
    await bigmap().createMap(name, { initialCanisters: 2 });
    const stop = new AbortController();
    for await (const { ring } of bigmap().watchRing(name, { signal: stop.signal })) {
      assert.equal(ring.size, 2);
      stop.abort();
    }
  });
}
