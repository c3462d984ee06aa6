import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatCodecs } from "../../src/cli/transfer/formats.js";
import type { RowMapping } from "../../src/cli/transfer/row.js";
import { fileFormats, type FileFormat } from "../../src/cli/transfer/row-stream.js";
import { CommandLine } from "./command-line.js";

const plain: RowMapping = { keyField: undefined, valueField: undefined, wholeRow: false };
const delimiters = { csv: ",", tsv: "\t" } as const;

/** Of a row: its line, and key and value a byte a character, or why it is bad. */
type Reading = readonly [lineNumber: number, string];

async function read(format: FileFormat, chunks: readonly Buffer[], mapping = plain): Promise<Reading[]> {
  const readings: Reading[] = [];
  for await (const rows of formatCodecs[format].read(Readable.from(chunks, { objectMode: false }), mapping)) {
    for (const { lineNumber, entry, error } of rows) {
      readings.push([lineNumber, entry === undefined ? `${error?.code ?? ""}` : reading(entry.key, entry.value)]);
    }
  }
  return readings;
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const reading = (key: Uint8Array, value: Uint8Array): string => `${latin1(key)} = ${latin1(value)}`;
/** A byte a character. */
const raw = (text: string): Buffer => Buffer.from(text, "latin1");

function chunksOf(bytes: Buffer, chunkBytes: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, i) => bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes));
}

/** The file's rows as they are, with no regard to what their bytes say. */
function fileOf(format: FileFormat, rows: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): Buffer {
  if (format === "ndjson") return raw(rows.map(([key, value]) => `{"key":"${latin1(key)}","value":"${latin1(value)}"}\n`).join(""));
  const delimiter = delimiters[format];
  const lines = rows.map(([key, value]) => `"${latin1(key)}"${delimiter}${latin1(value)}\n`);
  return raw(`key${delimiter}value\n${lines.join("")}`);
}

/** Bytes that need no quotes and no escapes in any format; every other is one that UTF-8 has in places only. */
const someBytes = fc
  .oneof(
    fc.array(fc.constantFrom(0x61, 0x62, 0x80, 0xbf, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xf0, 0x9f, 0x98, 0xff, 0xfe), {
      maxLength: 9,
    }),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => [...bytes].filter((byte) => byte > 0x2c && byte !== 0x5c)),
    fc.string({ unit: "binary", maxLength: 5 }).map((text) => [...Buffer.from(text)].filter((byte) => byte > 0x2c && byte !== 0x5c)),
    fc.constant([...Buffer.from("\uFFFD")]),
  )
  .map((bytes) => Buffer.from(bytes));

describe("rows that are no UTF-8", () => {
  for (const format of fileFormats) {
    test(`of ${format} are refused, and the others are stored byte for byte, however the input is cut`, async () => {
      const rows = fc.array(fc.tuple(someBytes, someBytes), { minLength: 1, maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(rows, fc.integer({ min: 1, max: 80 }), async (written, chunkBytes) => {
          const wanted = written.map(([key, value], i) => [
            format === "ndjson" ? i + 1 : i + 2,
            isUtf8(key) && isUtf8(value) ? reading(key, value) : "INVALID_ARGUMENT",
          ]);
          assert.deepEqual(await read(format, chunksOf(fileOf(format, written), chunkBytes)), wanted);
        }),
        { seed: 41, numRuns: 500 },
      );
    });

    test(`of ${format} are found with a border between chunks at every place`, async () => {
      const rows = ["é€😀", "a\uFFFDb", "plain"].map((text) => Buffer.from(text));
      const bad = ["\xff", "x\xc3", "\xe2\x82", "\xed\xa0\x80", "\xf0\x9f\x98", "\x80"].map(raw);
      const written = bad.flatMap((bytes, i) => {
        const good = rows[i % rows.length] as Buffer;
        return [[good, good] as const, [bytes, good] as const, [good, bytes] as const];
      });
      const bytes = fileOf(format, written);
      const first = format === "ndjson" ? 1 : 2;
      const wanted = written.map(([key, value], i) => [first + i, i % 3 === 0 ? reading(key, value) : "INVALID_ARGUMENT"]);
      for (let border = 1; border < bytes.length; border++) {
        assert.deepEqual(await read(format, [bytes.subarray(0, border), bytes.subarray(border)]), wanted, String(border));
      }
      // The last line has no newline, and ends within a character.
      for (const cut of [0, 1, 2]) {
        const endless = Buffer.concat([
          fileOf(format, [[raw("k"), raw("v")]]),
          raw(format === "ndjson" ? '{"key":"a\xf0' : "a\xf0\x9f\x98"),
        ]);
        const readings = await read(format, chunksOf(endless.subarray(0, endless.length - (format === "ndjson" ? 0 : cut)), 7));
        assert.deepEqual(readings, [
          [first, "k = v"],
          [first + 1, "INVALID_ARGUMENT"],
        ]);
      }
    });
  }

  test("are refused whichever of their fields is stored", async () => {
    const file = raw('{"key":"a","value":"b","more":"\xff"}\n{"key":"a","value":"b","more":"\xc3\xa9"}\n');
    for (const mapping of [plain, { ...plain, wholeRow: true }, { ...plain, keyField: "key", valueField: "value" }]) {
      const readings = await read("ndjson", [file], mapping);
      assert.deepEqual(
        readings.map(([, text]) => text.startsWith("a = ")),
        [false, true],
      );
    }
  });

  test("of CSV may have quoted cells over several lines, and stand behind rows that are bad for other reasons", async () => {
    const rows = [
      "key,value\n",
      '"a\nb","\xff\n"\n',
      '"c","d\ne"\n',
      'x,"y"z\xff"\n',
      "f,g\n",
      "h,\xff\n",
      "i,j\n",
      "one\xff\n",
      "k,l\n",
      "m,\xff",
    ];
    const wanted = [
      [4, "INVALID_ARGUMENT"],
      [6, "c = d\ne"],
      ...[
        [7, "INVALID_ARGUMENT"],
        [8, "f = g"],
        [9, "INVALID_ARGUMENT"],
        [10, "i = j"],
      ],
      ...[
        [11, "INVALID_ARGUMENT"],
        [12, "k = l"],
        [13, "INVALID_ARGUMENT"],
      ],
    ];
    for (const chunkBytes of [1, 2, 3, 5, 8, 999]) assert.deepEqual(await read("csv", chunksOf(raw(rows.join("")), chunkBytes)), wanted);
    const ofMacs = raw("\xef\xbb\xbfkey,value\ra,\xff\rb,c\rd\xff,e\rf,g\r");
    const texts = (await read("csv", chunksOf(ofMacs, 4))).map(([, text]) => text);
    assert.deepEqual(texts, ["INVALID_ARGUMENT", "b = c", "INVALID_ARGUMENT", "f = g"]);
  });

  test("a header of CSV that is no UTF-8 ends the import; a file in UTF-16 with its mark is read", async () => {
    await assert.rejects(read("csv", [raw("key,value,x\xff\na,b,c\n")]), {
      code: "INVALID_ARGUMENT",
      message: "Line 1: The header is not UTF-8",
    });
    const readings = await read("csv", chunksOf(Buffer.from("\uFEFFkey,value\na,é\n", "utf16le"), 1));
    assert.deepEqual(readings, [[2, `a = ${latin1(Buffer.from("é"))}`]]);
  });
});

describe("halves of surrogate pairs", () => {
  test("in keys and texts are bad rows; pairs are characters, and JSON in values keeps its escapes", async () => {
    const lines = [
      String.raw`{"key":"\ud800","value":"one"}`,
      String.raw`{"key":"\udc01a","value":1}`,
      String.raw`{"key":"a","value":"x\ud800y"}`,
      String.raw`{"key":"\ud83d\ude00","value":"\ud83d\ude00"}`,
      String.raw`{"key":"b","value":{"\ud800":"\udc01"}}`,
      String.raw`{"key":"c","value":"\ud800","more":1}`,
      String.raw`{"key":"YQ==","value":"/w==","encoding":"base64"}`,
    ];
    const emoji = latin1(Buffer.from("😀"));
    const wanted = [
      ...["INVALID_ARGUMENT", "INVALID_ARGUMENT", "INVALID_ARGUMENT", `${emoji} = ${emoji}`],
      ...[String.raw`b = {"\ud800":"\udc01"}`, `c = ${lines[5] as string}`, "a = \xff"],
    ];
    for (const chunkBytes of [1, 7, 999]) {
      const readings = await read("ndjson", chunksOf(Buffer.from(lines.join("\n")), chunkBytes));
      assert.deepEqual(
        readings,
        wanted.map((text, i) => [i + 1, text]),
      );
    }
    const named = await read("ndjson", [Buffer.from(lines.join("\n"))], { ...plain, keyField: "key", valueField: "value" });
    assert.deepEqual(named[5], [6, "INVALID_ARGUMENT"]);
  });
});

describe("import of bytes that are no UTF-8", () => {
  const bad = Buffer.concat([raw('{"key":"a","value":"1"}\n{"key":"\xff","value":"one"}\n'), raw('{"key":"\xfe","value":"two \xc3"}\n')]);

  test("stops at the first such row, and names its line", async () => {
    const line = new CommandLine();
    const { exitCode, stderr } = await line.run(["import", "m"], bad);
    assert.deepEqual([exitCode, stderr.split("\n")[0]], [2, "INVALID_ARGUMENT: Line 2: The line is not UTF-8"]);
    assert.equal((await line.run(["scan", "m", "--keys-only"])).stdout, "a\n");
  });

  test("passes over such rows with --skip-bad", async () => {
    const line = new CommandLine();
    const { exitCode, stderr } = await line.run(["import", "m", "--skip-bad"], bad);
    assert.equal(exitCode, 1);
    assert.match(stderr, /Line 2 passed over[^]*Line 3 passed over[^]*1 entry imported.*2 bad rows passed over/);
    assert.equal((await line.run(["scan", "m", "--keys-only"])).stdout, "a\n");
  });
});
