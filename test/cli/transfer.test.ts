import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { stillClock } from "./still-clock.js";
import { formatCodecs } from "../../src/cli/transfer/formats.js";
import { openSource } from "../../src/cli/transfer/import-source.js";
import { loadRows, type LoadOptions } from "../../src/cli/transfer/loader.js";
import { RowColumns } from "../../src/cli/transfer/row-columns.js";
import type { Entry, RowMapping } from "../../src/cli/transfer/row.js";
import { fileFormats, formatOfPath, type FileFormat, type ReadRow } from "../../src/cli/transfer/row-stream.js";
import type { Measurement } from "../../bench/driver/results.js";
import { rowForms, valueBytes, writeRows } from "../../bench/import-rows.js";
import { BigMapError } from "../../src/base/errors.js";
import { keyOf, valueOf } from "../../src/base/operation-batch.js";
import { isWellFormed } from "../../src/base/well-formed.js";
import type { PackedPuts } from "../../src/client/packed-puts.js";
import { CommandLine } from "./command-line.js";

const plain: RowMapping = { keyField: undefined, valueField: undefined, wholeRow: false };

/** Texts and bytes that file formats get wrong: quotes, delimiters, newlines, blanks at the ends, JSON, no UTF-8. */
const awkward = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .array(fc.constantFrom('"', ",", "\t", "\n", "\r", "\r\n", " ", "a", "\uFEFF", "\\", "{", "[", "\u2028", "\0"), { maxLength: 12 })
    .map((parts) => Buffer.from(parts.join(""))),
);
const entries = fc.array(fc.record({ key: awkward.filter((bytes) => bytes.length > 0), value: awkward }), { maxLength: 30 });

async function readBack(format: FileFormat, text: string, chunkBytes: number, mapping = plain): Promise<ReadRow[]> {
  const bytes = Buffer.from(text);
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, i) =>
    bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes),
  );
  const rows: ReadRow[] = [];
  for await (const some of formatCodecs[format].read(Readable.from(chunks, { objectMode: false }), mapping)) rows.push(...some);
  return rows;
}

function texts(rows: readonly ReadRow[]): (readonly [string, string] | string)[] {
  return rows.map(({ entry, error }) =>
    entry === undefined ? `${error?.code ?? ""}` : [Buffer.from(entry.key).toString(), Buffer.from(entry.value).toString()],
  );
}

describe("file formats", () => {
  for (const format of fileFormats) {
    test(`what export writes as ${format}, import reads back byte for byte, however the input is cut`, async () => {
      await fc.assert(
        fc.asyncProperty(entries, fc.integer({ min: 1, max: 64 }), async (written, chunkBytes) => {
          const codec = formatCodecs[format];
          const rows = await readBack(format, codec.header + written.map((entry) => codec.line(entry)).join(""), chunkBytes);
          assert.deepEqual(
            rows.map(({ entry }) => entry && [Buffer.from(entry.key).toString("hex"), Buffer.from(entry.value).toString("hex")]),
            written.map(({ key, value }) => [key.toString("hex"), value.toString("hex")]),
          );
        }),
        { seed: 21, numRuns: 150 },
      );
    });
  }

  test("a row is read as JSON says, in whatever form it is written", async () => {
    const json = (text: string): fc.Arbitrary<string> =>
      fc.constantFrom(
        JSON.stringify(text),
        JSON.stringify(text).replace(/[a-z]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`),
      );
    const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom("\ud800", "é", "a\u2028b", "__proto__"));
    const nested = `${"[".repeat(40)}${"]".repeat(40)}`;
    const awkwardJson = [
      ...["{}", "[]", "[[],{}]", "null", "true", "-0", "1e2", "1e999", "1.0", "[1, 2]", "[1,2.50]", "[0.1,1e-7]", nested],
      ...['{"b":1,"a":2}', '{"2":1,"1":2}', '{"a":1,"a":1}', '{"a":{"b":[{}]}}', '{"__proto__":{"a":1}}', '{"toJSON":1}', '{"":""}'],
      ...['{"a":"\\u0041"}', '{"a":"\\\\"}', '{"a":"\\\\\\\\"}', '{"a":"\\""}', '{"a":"\\n"}', '{"é":"ü"}', '{"\\u00e9":1}', '{"a":"b"}'],
    ];
    const anyJson = fc.oneof(fc.constantFrom(...awkwardJson), fc.json());
    const member = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
      fc
        .tuple(value, fc.constantFrom("", "", " ", "\t"), fc.constantFrom("", "", " "))
        .map(([written, before, after]) => `${before}"${name}"${after}:${before}${written}${after}`);
    const more = fc.constantFrom("", "", ',"encoding":""', ',"key":"again"', ',"value":7');
    const members = fc
      .tuple(member("key", text.chain(json)), member("value", fc.oneof(text.chain(json), anyJson)), more, fc.boolean())
      .map(([key, value, last, valueFirst]) => (valueFirst ? `{${value},${key}${last}}` : `{${key},${value}${last}}`));
    const line = fc
      .tuple(members, fc.constantFrom("", "", " ", "\u00a0", "\ufeff"), fc.constantFrom("\n", "\r\n"))
      .map(([row, blank, end]) => blank + row + blank + end);
    const wanted = (written: string): string[] | undefined => {
      const { key, value } = JSON.parse(written.trim()) as { key: string; value: unknown };
      if ([key, value].some((part) => typeof part === "string" && !isWellFormed(part))) return undefined;
      return [key, typeof value === "string" ? value : JSON.stringify(value)].map((part) => Buffer.from(part).toString("hex"));
    };
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 200 }), async (lines, chunkBytes) => {
        const rows = await readBack("ndjson", lines.join(""), chunkBytes);
        const read = rows.map(({ entry }) => entry && [entry.key, entry.value].map((bytes) => Buffer.from(bytes).toString("hex")));
        assert.deepEqual(read, lines.map(wanted));
      }),
      { seed: 22, numRuns: 500 },
    );
  });

  test("JSON objects stand in an NDJSON export as objects, where that loses no byte", () => {
    const line = (value: string): string => formatCodecs.ndjson.line({ key: Buffer.from("k"), value: Buffer.from(value) });
    assert.equal(line('{"age":3}'), '{"key":"k","value":{"age":3}}\n');
    assert.equal(line('{"age": 3}'), '{"key":"k","value":"{\\"age\\": 3}"}\n');
    assert.equal(line('{"n":1.0}'), '{"key":"k","value":"{\\"n\\":1.0}"}\n');
    assert.equal(line("3"), '{"key":"k","value":"3"}\n');
  });

  test("the value is the whole row, unless a field is named", async () => {
    const text = '{"id":7,"name":"Ann"}\n\n  {"id":"x","name":{"first":"Bob"}}  \n';
    assert.deepEqual(texts(await readBack("ndjson", text, 9, { ...plain, keyField: "id" })), [
      ["7", '{"id":7,"name":"Ann"}'],
      ["x", '{"id":"x","name":{"first":"Bob"}}'],
    ]);
    assert.deepEqual(texts(await readBack("ndjson", text, 9, { ...plain, keyField: "id", valueField: "name" })), [
      ["7", "Ann"],
      ["x", '{"first":"Bob"}'],
    ]);
  });

  test("a row of key and value is an entry, and with --whole-row a value", async () => {
    const text = '{"key":"k","value":"v"}\n';
    assert.deepEqual(texts(await readBack("ndjson", text, 99)), [["k", "v"]]);
    assert.deepEqual(texts(await readBack("ndjson", text, 99, { ...plain, wholeRow: true })), [["k", '{"key":"k","value":"v"}']]);
    assert.deepEqual(texts(await readBack("ndjson", '{"key":"k","value":"v","more":1}', 99)), [["k", '{"key":"k","value":"v","more":1}']]);
  });

  test("CSV rows become JSON objects with the header's names; a BOM and CRLF do no harm", async () => {
    const rows = await readBack("csv", '\uFEFFcity,people\r\nParis,"2,1 M"\r\n', 5, { ...plain, keyField: "city" });
    assert.deepEqual(texts(rows), [["Paris", '{"city":"Paris","people":"2,1 M"}']]);
    assert.deepEqual(texts(await readBack("tsv", "city\tpeople\nParis\t2\n", 5, { ...plain, keyField: "city", valueField: "people" })), [
      ["Paris", "2"],
    ]);
  });

  test("bad rows tell their line and why, and the rows around them are read", async () => {
    const ndjson = await readBack("ndjson", '{"key":"a"}\nnonsense\n[1]\n{"nokey":1}\n{"key":"b"}', 7);
    assert.deepEqual(
      ndjson.map(({ lineNumber, error }) => [lineNumber, error?.code]),
      [
        [1, undefined],
        [2, "INVALID_ARGUMENT"],
        [3, "INVALID_ARGUMENT"],
        [4, "INVALID_ARGUMENT"],
        [5, undefined],
      ],
    );
    const csv = await readBack("csv", "key,value\na,1\nb\nc,3\n", 99);
    assert.deepEqual(
      csv.map(({ lineNumber, error }) => [lineNumber, error?.code]),
      [
        [2, undefined],
        [3, "INVALID_ARGUMENT"],
        [4, undefined],
      ],
    );
  });

  test("a key that is null is a bad row with its line, whatever its field is called; a value may be null", async () => {
    for (const keyField of [undefined, "id"]) {
      const name = keyField ?? "key";
      const text = `{"${name}":"a","more":1}\n{"${name}":null,"more":2}\n{"more":3,"${name}":null}\n`;
      const rows = await readBack("ndjson", text, 9, { ...plain, keyField });
      assert.deepEqual(
        rows.map(({ lineNumber, error }) => [lineNumber, error?.code]),
        [
          [1, undefined],
          [2, "INVALID_ARGUMENT"],
          [3, "INVALID_ARGUMENT"],
        ],
      );
    }
    const nulls = await readBack("ndjson", '{"id":"a","v":null}\n', 9, { ...plain, keyField: "id", valueField: "v" });
    assert.deepEqual(texts(nulls), [["a", "null"]]);
  });

  test("base64 that is none, and an unknown encoding, are bad rows", async () => {
    const rows = await readBack("csv", "key,value,encoding\n???,AA==,base64\nAA==,AA==,rot13\n", 99);
    assert.deepEqual(texts(rows), ["INVALID_ARGUMENT", "INVALID_ARGUMENT"]);
  });

  test("the end of a file's name decides the format", () => {
    assert.deepEqual(["a.ndjson", "a.jsonl", "b.CSV", "c.d.tsv", "noend", "x.gz"].map(formatOfPath), [
      "ndjson",
      "ndjson",
      "csv",
      "tsv",
      undefined,
      undefined,
    ]);
  });
});

describe("loading", () => {
  const options = (change: Partial<LoadOptions> = {}): LoadOptions => ({
    clock: stillClock,
    signal: new AbortController().signal,
    skipBad: false,
    onBadRow: () => undefined,
    onProgress: () => undefined,
    ...change,
  });
  const row = (lineNumber: number, key: string, value = "v"): ReadRow => ({
    lineNumber,
    entry: { key: Buffer.from(key), value: Buffer.from(value) },
    error: undefined,
  });
  async function* from(rows: readonly ReadRow[]): AsyncIterable<RowColumns> {
    yield RowColumns.of(rows);
  }
  const entriesOf = (puts: PackedPuts): Entry[] => {
    const batch = puts.take().build("m");
    return Array.from({ length: batch.count }, (_, i) => ({ key: keyOf(batch, i), value: valueOf(batch, i) }));
  };
  const nothing: ReadonlyMap<number, BigMapError> = new Map();

  test("no more than a bounded number of entries is in flight", async () => {
    let inFlight = 0;
    let most = 0;
    const write = async ({ count }: PackedPuts): Promise<ReadonlyMap<number, BigMapError>> => {
      inFlight += count;
      most = Math.max(most, inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight -= count;
      return nothing;
    };
    const rows = Array.from({ length: 50_000 }, (_, i) => row(i + 1, `key ${i}`));
    const { entries: written } = await loadRows(from(rows), write, options());
    assert.equal(written, 50_000);
    assert.ok(most > 500 && most <= 16 * 500, String(most));
  });

  for (const distinct of [1, 10, 600, 1_500, 2_500]) {
    test(`the last row of a key wins, and all count, where ${distinct} keys come again and again`, async () => {
      const stored = new Map<string, string>();
      let turn = 0;
      let batches = 0;
      const write = async (puts: PackedPuts): Promise<ReadonlyMap<number, BigMapError>> => {
        const batch = entriesOf(puts);
        batches++;
        // Earlier batches take longer.
        for (let i = 0; i < 20 - turn++; i++) await new Promise((resolve) => setImmediate(resolve));
        for (const { key, value } of batch) stored.set(Buffer.from(key).toString(), Buffer.from(value).toString());
        return nothing;
      };
      const rows = Array.from({ length: 6_000 }, (_, i) => row(i + 1, `key ${i % distinct}`, String(i)));
      const summary = await loadRows(from(rows), write, options());
      const last = new Map(rows.map((_, i) => [`key ${i % distinct}`, String(i)]));
      assert.deepEqual(stored, last);
      // No batch is cut short for a key that comes again: a round trip for every few rows was what made such imports slow.
      assert.deepEqual([summary.entries, batches], [6_000, 6]);
    });
  }

  test("a row that was refused is no failure where a later row of its key in the same batch was written, else it is", async () => {
    const refuse =
      (...refused: readonly string[]) =>
      (puts: PackedPuts): Promise<ReadonlyMap<number, BigMapError>> => {
        const overloaded = new BigMapError("OVERLOADED", "Not now");
        const places = entriesOf(puts).flatMap(({ value }, i) => (refused.includes(Buffer.from(value).toString()) ? [i] : []));
        return Promise.resolve(new Map(places.map((place) => [place, overloaded] as const)));
      };
    const rows = [row(1, "a", "1"), row(2, "b", "2"), row(3, "a", "3"), row(4, "a", "4"), row(5, "c", "5")];
    assert.equal((await loadRows(from(rows), refuse("1"), options())).entries, 5);
    assert.equal((await loadRows(from(rows), refuse("1", "3"), options())).entries, 5);
    await assert.rejects(loadRows(from(rows), refuse("1", "4"), options()), { code: "OVERLOADED", message: "Line 4: Not now" });
    await assert.rejects(loadRows(from(rows), refuse("2"), options()), { code: "OVERLOADED", message: "Line 2: Not now" });
  });

  test("a batch that waits for another of its keys is not written once that one has failed, or the import is interrupted", async () => {
    const rows = Array.from({ length: 3_000 }, (_, i) => row(i + 1, `key ${i % 1_000}`, String(i)));
    for (const isInterrupted of [false, true]) {
      const interrupt = new AbortController();
      let batches = 0;
      const write = async ({ count }: PackedPuts): Promise<ReadonlyMap<number, BigMapError>> => {
        batches += count > 0 ? 1 : 0;
        await new Promise((resolve) => setImmediate(resolve));
        if (isInterrupted) interrupt.abort();
        else throw new BigMapError("UNAVAILABLE", "Nobody there");
        return nothing;
      };
      await assert.rejects(loadRows(from(rows), write, options({ signal: interrupt.signal })));
      assert.equal(batches, 1);
    }
  });

  test("the first failure stops it and names the line", async () => {
    const write = async (puts: PackedPuts): Promise<ReadonlyMap<number, BigMapError>> => {
      const place = entriesOf(puts).findIndex(({ key }) => Buffer.from(key).toString() === "key 700");
      return place < 0 ? nothing : new Map([[place, new BigMapError("CANISTER_FULL", "The canister is full")]]);
    };
    const rows = Array.from({ length: 2_000 }, (_, i) => row(i + 1, `key ${i}`));
    await assert.rejects(loadRows(from(rows), write, options({ skipBad: true })), {
      code: "CANISTER_FULL",
      message: "Line 701: The canister is full",
    });
  });

  test("rows past the limits are bad rows", async () => {
    const bad: number[] = [];
    const rows = [row(1, "a"), row(2, ""), row(3, "k".repeat(4097)), row(4, "b", "v".repeat(2 ** 20 + 1)), row(5, "c")];
    const write = (): Promise<ReadonlyMap<number, BigMapError>> => Promise.resolve(nothing);
    const summary = await loadRows(from(rows), write, options({ skipBad: true, onBadRow: ({ lineNumber }) => bad.push(lineNumber) }));
    assert.deepEqual([summary.entries, summary.badRows, bad], [2, 3, [2, 3, 4]]);
    await assert.rejects(loadRows(from(rows), write, options()), { code: "KEY_EMPTY", message: "Line 2: The key is empty" });
  });
});

describe("import and export", () => {
  for (const format of fileFormats) {
    test(`a map that went out as ${format} and in again is the same`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "bigmap-cli-"));
      try {
        const line = new CommandLine();
        const file = join(folder, `map.${format}`);
        await line.run(["put", "m", "text", 'a "quoted", text\nof two lines']);
        await line.run(["put", "m", "--hex", "ff00", "fe0d0a"]);
        await line.run(["put", "m", "json", '{"age":3}']);
        const exported = await line.run(["export", "m", file]);
        assert.deepEqual([exported.exitCode, exported.stdout], [0, ""]);
        assert.match(exported.stderr, /^3 entries exported/);
        const imported = await line.run(["import", "copy", file, "--json"]);
        assert.equal((JSON.parse(imported.stdout) as { entries: number }).entries, 3);
        assert.equal((await line.run(["scan", "copy", "--hex"])).stdout, (await line.run(["scan", "m", "--hex"])).stdout);
        assert.equal((await line.run(["export", "copy", "--format", format, "--quiet"])).stdout, await readFile(file, "utf8"));
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  test("a bad line stops the import, says its number, and what stood before it is there", async () => {
    const line = new CommandLine();
    const { exitCode, stderr } = await line.run(["import", "m"], '{"key":"a"}\n{"key":"b"}\nnonsense\n{"key":"c"}\n');
    assert.deepEqual([exitCode, stderr.split("\n")[0]?.slice(0, 25)], [2, "INVALID_ARGUMENT: Line 3:"]);
    assert.equal((await line.run(["scan", "m", "--keys-only"])).stdout, "a\nb\n");
  });

  test("with --background the client gives way to others, else not", async () => {
    const line = new CommandLine();
    assert.equal((await line.run(["import", "m", "--background"], '{"key":"a"}\n')).exitCode, 0);
    assert.equal(line.background, true);
    assert.equal((await line.run(["import", "m"], '{"key":"b"}\n')).exitCode, 0);
    assert.equal(line.background, false);
  });

  test("with --skip-bad bad lines are told and counted, and the exit code is 1", async () => {
    const line = new CommandLine();
    const { exitCode, stderr } = await line.run(["import", "m", "--skip-bad"], '{"key":"a"}\nnonsense\n{"key":"c"}\n');
    assert.equal(exitCode, 1);
    // The hint would be to pass over such rows.
    assert.match(stderr, /^INVALID_ARGUMENT: Line 2 passed over: The line is not JSON: [^\n]+\n2 entries imported.*1 bad row passed over/);
    assert.equal((await line.run(["scan", "m", "--keys-only"])).stdout, "c\na\n");
    assert.match((await line.run(["import", "--help"])).stdout.replace(/\s+/g, " "), /With --skip-bad and bad rows [^.]* exits with 1;/);
  });

  test("a file that is not there, or a folder, is a usage error with a hint that fits", async () => {
    const absent = join(tmpdir(), "no-such-file.ndjson");
    for (const [args, hint] of [
      [["import", "m", absent], /\n {2}Check its name/],
      [["import", "m", tmpdir()], /\n {2}Name a file\..* cat FOLDER/],
      [["put", "m", "k", "--file", absent], /\n {2}Check its name/],
    ] as const) {
      const { exitCode, stderr } = await new CommandLine().run(args);
      assert.deepEqual([exitCode, stderr.startsWith("INVALID_ARGUMENT: ")], [2, true]);
      assert.match(stderr, hint);
    }
  });

  test("input that is compressed with gzip is refused with the way to unpack it, from a file and from stdin", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bigmap-cli-"));
    try {
      const file = join(folder, "rows.ndjson.gz");
      const compressed = gzipSync('{"key":"a","value":1}\n');
      await writeFile(file, compressed);
      const line = new CommandLine();
      for (const { exitCode, stderr } of [
        await line.run(["import", "m", file]),
        await line.run(["import", "m", "-", "--skip-bad"], compressed),
      ]) {
        assert.equal(exitCode, 2);
        assert.match(stderr, /^INVALID_ARGUMENT: .* is compressed with gzip\n {2}.*zcat FILE \| bigmap import MAP -/);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("an empty input, and Ctrl-C before stdin has anything to give, end the import", async () => {
    const line = new CommandLine();
    for (const input of ["", "\n"]) assert.match((await line.run(["import", "m"], input)).stderr, /^0 entries imported · 0 B in/);
    const ended = new Readable({ read: () => undefined });
    ended.push(null);
    assert.equal((await openSource({ stdin: ended, signal: new AbortController().signal }, "-")).stream, ended);
    const interrupt = new AbortController();
    const idle = new Readable({ read: () => interrupt.abort() });
    await assert.rejects(openSource({ stdin: idle, signal: interrupt.signal }, "-"), { name: "AbortError" });
  });

  test("--prefix exports only what begins with it", async () => {
    const line = new CommandLine();
    for (const key of ["a/1", "b/1"]) await line.run(["put", "m", key, key]);
    assert.equal((await line.run(["export", "m", "--prefix", "b/", "--quiet"])).stdout, '{"key":"b/1","value":"b/1"}\n');
  });

  test("an import of CSV from a file by the end of its name", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bigmap-cli-"));
    try {
      await writeFile(join(folder, "cities.csv"), "name,people\nParis,2\nRome,3\n");
      const line = new CommandLine();
      assert.equal((await line.run(["import", "cities", join(folder, "cities.csv"), "--key", "name", "--value", "people"])).exitCode, 0);
      assert.equal((await line.run(["get", "cities", "Rome"])).stdout, "3\n");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("bench:import", () => {
  test("writes rows of 1 KiB values in every form", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bigmap-cli-"));
    try {
      for (const form of rowForms) {
        const file = join(folder, form);
        await writeRows(file, form, 20);
        const rows = await readBack("ndjson", await readFile(file, "utf8"), 999, {
          ...plain,
          keyField: form === "whole" ? "id" : undefined,
        });
        assert.deepEqual(
          rows.map(({ entry }) => entry?.value.length),
          rows.map(() => valueBytes),
        );
        assert.equal(new Set(texts(rows).map(([key]) => key)).size, 20);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("imports into a real server, and leaves nothing behind", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bigmap-cli-"));
    try {
      const output = join(folder, "import.json");
      const program = fileURLToPath(new URL("../../bench/import.js", import.meta.url));
      const words = [program, "--smoke", "--rows", "whole", "--dir", folder, "--output", output];
      await promisify(execFile)(process.execPath, words);
      const { measurements } = JSON.parse(await readFile(output, "utf8")) as { measurements: Measurement[] };
      assert.deepEqual(
        measurements.map(({ workload, vary }) => [workload, vary?.value]),
        [
          ["parse", "whole"],
          ["import", "whole"],
        ],
      );
      assert.ok(measurements.every(({ operations, records, bytesPerSecond = 0 }) => operations === records && bytesPerSecond > 0));
      assert.deepEqual(await readdir(folder), ["import.json"]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
