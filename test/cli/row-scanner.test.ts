import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readNdjson } from "../../src/cli/transfer/ndjson.js";
import { RowScanner } from "../../src/cli/transfer/row-scanner.js";
import { entryOfRow, type Entry, type Row, type RowMapping } from "../../src/cli/transfer/row.js";

const plain: RowMapping = { keyField: undefined, valueField: undefined, wholeRow: false };
const mappings: readonly RowMapping[] = [
  plain,
  { ...plain, wholeRow: true },
  { ...plain, keyField: "id" },
  { ...plain, keyField: "value" },
  { ...plain, keyField: "é" },
  { ...plain, valueField: "id" },
];

/** Key and value as text of bytes, or that the row is bad. */
type Reading = string;

const readingOf = (entry: Entry | undefined): Reading =>
  entry === undefined ? "bad" : [entry.key, entry.value].map((bytes) => Buffer.from(bytes).toString("latin1")).join(" = ");

/** What JSON.parse makes of a line; undefined of an empty one. A line that is no UTF-8 is bad. */
function parsed(line: Buffer, mapping: RowMapping): Reading | undefined {
  if (!isUtf8(line)) return "bad";
  const text = line.toString("utf8").trim();
  if (text === "") return undefined;
  try {
    const row: unknown = JSON.parse(text);
    if (typeof row !== "object" || row === null || Array.isArray(row)) return "bad";
    return readingOf(entryOfRow(row as Row, text, mapping));
  } catch {
    return "bad";
  }
}

async function read(lines: readonly Buffer[], chunkBytes: number, mapping: RowMapping): Promise<Reading[]> {
  const input = Buffer.concat(lines.flatMap((line) => [line, Buffer.from("\n")]));
  const chunks = Array.from({ length: Math.ceil(input.length / chunkBytes) }, (_, i) =>
    input.subarray(i * chunkBytes, (i + 1) * chunkBytes),
  );
  const readings: Reading[] = [];
  for await (const rows of readNdjson(Readable.from(chunks, { objectMode: false }), mapping)) {
    readings.push(...Array.from(rows, ({ entry }) => readingOf(entry)));
  }
  return readings;
}

const numbers = [
  "0",
  "-0",
  "7",
  "-12",
  "1e2",
  "1E+9",
  "1e999",
  "1.0",
  "-0.5",
  "0.000001",
  "0.0000012",
  "0.0000001",
  "2.50",
  "007",
  "1.",
  "-",
];
const longNumbers = [
  "123456789012345",
  "1234567890123456",
  "9007199254740993",
  "0.1234567890123456",
  "1234567.12345678",
  "12345678.12345678",
  "1e21",
];
const words = ["true", "false", "null", "tru", "nul", "truee", "undefined"];
const strings = [
  '""',
  '"a"',
  '"é"',
  '"\\u0041"',
  '"\\ud800"',
  '"\\u00zz"',
  '"\\n"',
  '"\\/"',
  '"\\\\"',
  '"\\\\\\\\"',
  '"\\""',
  '"\\x"',
  '"\t"',
];
const longStrings = ['"12345678901234567890"', '"1234567890\\"1234567890"', '"1234567890\u2028\u007f1234567890"', '"123456789012\u0001"'];
const atom = fc.constantFrom(...numbers, ...longNumbers, ...words, ...strings, ...longStrings);
const name = fc.constantFrom("key", "value", "encoding", "id", "é", "__proto__", "toJSON", "", "7", "a", "b", "\\u0069d", "ke");
const blank = fc.constantFrom("", "", "", "", " ", "\t", "  ", "\r", "\u00a0");

const { value: anyValue } = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: "value" },
    atom,
    fc.json(),
    tie("object"),
    fc.tuple(fc.array(tie("value"), { maxLength: 3 }), blank).map(([members, space]) => `[${members.join(`${space},${space}`)}]`),
  ),
  object: fc
    .tuple(fc.array(fc.tuple(name, tie("value")), { maxLength: 4 }), blank, blank)
    .map(
      ([members, before, after]) => `{${members.map(([key, value]) => `${before}"${key}"${after}:${after}${value}`).join(`${before},`)}}`,
    ),
}));

const field = (names: readonly string[], values: fc.Arbitrary<string>): fc.Arbitrary<readonly [string, string]> =>
  fc.tuple(fc.constantFrom(...names), values);
const keyValue = fc.oneof(fc.constantFrom(...strings, ...longStrings, ...numbers), anyValue);
const row = fc
  .tuple(
    fc.oneof(
      fc.tuple(field(["key"], keyValue), field(["value"], fc.oneof(keyValue, anyValue))),
      fc.array(fc.oneof(field(["key", "id", "value", "é"], keyValue), fc.tuple(name, anyValue)), { maxLength: 5 }),
    ),
    ...[blank, blank, blank, blank],
  )
  .map(([members, b1, b2, b3, b4]) => {
    const written = members.map(([key, value]) => `${b1}"${key}"${b2}:${b3}${value}${b2}`).join(",");
    return `${b4}{${written}}${b4}`;
  });

/** Rows with a few characters wrong. */
const damage = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'{}[]",:\\ 0e.-tn\t\u0000é'.split(""), ""), fc.boolean()), { maxLength: 2 });
const damagedRow = fc.tuple(row, damage).map(([text, changes]) => {
  let damaged = text;
  for (const [place, character, replaces] of changes) {
    const at = place % (damaged.length + 1);
    damaged = damaged.slice(0, at) + character + damaged.slice(replaces ? at + 1 : at);
  }
  return damaged;
});
const line = fc.oneof(row, damagedRow).map((text) => Buffer.from(text.replaceAll("\n", " ")));
const badBytes = fc
  .tuple(line, fc.nat(), fc.constantFrom(0xff, 0xc3, 0xe2, 0x80))
  .map(([bytes, place, byte]) => Buffer.from(bytes.map((each, i) => (i === place % bytes.length ? byte : each))));

describe("rows of NDJSON", () => {
  for (const [i, mapping] of mappings.entries()) {
    test(`are read as JSON.parse reads them, good and bad ones: ${JSON.stringify(mapping)}`, async () => {
      const lines = fc.array(fc.oneof({ weight: 20, arbitrary: line }, { weight: 1, arbitrary: badBytes }), {
        minLength: 1,
        maxLength: 12,
      });
      await fc.assert(
        fc.asyncProperty(lines, fc.integer({ min: 1, max: 400 }), async (written, chunkBytes) => {
          const wanted = written.map((each) => parsed(each, mapping)).filter((reading) => reading !== undefined);
          assert.deepEqual(await read(written, chunkBytes, mapping), wanted);
        }),
        { seed: 31 + i, numRuns: 400 },
      );
    });
  }

  test("of the usual forms are found without JSON.parse, others are left to it", () => {
    const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
    const members = (count: number): string => Array.from({ length: count }, (_, i) => `"m${i}":${i}`).join();
    const cases: readonly (readonly [found: boolean, mapping: RowMapping, text: string])[] = [
      [true, plain, '{"key":"k","value":"v"}'],
      [true, plain, '{ "key" : "é" , "value" : "ü" }'],
      [true, plain, '{"key":"k","value":{"a":[1,-2.5,"x\\"y\\n",null,true,{}],"b":{"a":[]}}}'],
      [true, plain, `{"key":"k","value":${deep(32)}}`],
      [true, plain, `{"key":"k","value":{${members(32)}}}`],
      [true, plain, '{"key":"k","value":1,"more":2}'],
      [true, { ...plain, keyField: "id" }, '{"name": "a\\u0041", "n": 1.50e3, "id": 7}'],
      [true, { ...plain, wholeRow: true }, '{"value":"v","key":"k"}'],
      [false, plain, '{"key":"k","value":"v"}}'],
      [false, plain, '{"key":"k","value":1} {}'],
      [false, plain, '{"key":"k","value":"a\\"b"}'],
      [false, plain, '{"key":"k","value":{"a": 1}}'],
      ...["1.0", "1e2", "-0", "9007199254740993", "0.0000001", '{"\\u0061":1}', '"\\/"', '"\\u0041"', "[1 ]"].map(
        (value) => [false, plain, `{"key":"k","value":[${value}]}`] as const,
      ),
      [false, plain, '{"key":"k","value":{"a":1,"a":1}}'],
      [false, plain, '{"key":"k","value":{"b":1,"7":1}}'],
      [false, plain, `{"key":"k","value":${deep(33)}}`],
      [false, plain, `{"key":"k","value":{${members(33)}}}`],
      [false, plain, '{"key":"aw==","value":"dg==","encoding":"base64"}'],
      [false, plain, '{"value":"v","key":"k"}'],
      [false, { ...plain, keyField: "id" }, '{"id":"a","id":"b"}'],
      ...["1e", "1e+", "1.", "-", "01", ".5", "tru", '"\\u00zz"', '"\\x"', "[1,]", '{"a":1,}', "{1:1}"].map(
        (value) => [false, { ...plain, keyField: "id" }, `{"id":"a","n":${value}}`] as const,
      ),
      [false, { ...plain, keyField: "id", valueField: "name" }, '{"id":"a","name":"b"}'],
    ];
    for (const [found, mapping, text] of cases) {
      // Wherever the row lies in memory: strings are read a word at a time.
      for (const before of ["", "\n", "\n\n", "\n\n\n"]) {
        const block = Buffer.from(`${before}${text}\n`);
        assert.equal(new RowScanner(block, mapping).find(before.length, block.length - 1), found, text);
      }
    }
  });
});
