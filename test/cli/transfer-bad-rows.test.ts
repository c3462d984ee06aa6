import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { formatCodecs } from "../../src/cli/transfer/formats.js";
import type { RowMapping } from "../../src/cli/transfer/row.js";
import type { FileFormat } from "../../src/cli/transfer/row-stream.js";
import { CommandLine } from "./command-line.js";

const plain: RowMapping = { keyField: undefined, valueField: undefined, wholeRow: false };
const mib = 2 ** 20;

/** Of a row: its line, and its key or why it is bad. */
async function read(format: FileFormat, chunks: Iterable<Buffer>): Promise<[lineNumber: number, string][]> {
  const found: [number, string][] = [];
  for await (const rows of formatCodecs[format].read(Readable.from(chunks), plain)) {
    for (const { lineNumber, entry, error } of rows) {
      found.push([lineNumber, entry === undefined ? `${error?.message}` : Buffer.from(entry.key).toString()]);
    }
  }
  return found;
}

function* cut(text: string, chunkBytes: number): Iterable<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

const overlong = "The line has more than 8.03 MiB: too long for a key of 4 KiB and a value of 1 MiB";

describe("a line that is too long", () => {
  for (const chunkBytes of [64 * 1024, mib, 64 * mib]) {
    test(`is one bad row with its line, in chunks of ${chunkBytes} bytes`, async () => {
      const long = (bytes: number): string => `{"key":"long","value":"${"x".repeat(bytes)}"}`;
      const lines = [
        '{"key":"a","value":1}',
        long(8.1 * mib),
        '{"key":"b","value":1}',
        long(9 * mib),
        long(20 * mib),
        '{"key":"c","value":1}',
      ];
      const wanted = [
        [1, "a"],
        [2, overlong],
        [3, "b"],
        [4, overlong],
        [5, overlong],
        [6, "c"],
      ];
      assert.deepEqual(await read("ndjson", cut(lines.join("\n"), chunkBytes)), wanted);
    });
  }

  test("takes no memory for what is behind the limit, however long it is", async () => {
    const chunk = Buffer.alloc(mib, "x");
    let most = 0;
    const endless = function* (start: string, end: string): Iterable<Buffer> {
      yield Buffer.from(start);
      for (let i = 0; i < 512; i++) {
        yield chunk.subarray();
        most = Math.max(most, process.memoryUsage().arrayBuffers);
      }
      yield Buffer.from(end);
    };
    const before = process.memoryUsage().arrayBuffers;
    assert.deepEqual(await read("ndjson", endless("", '\n{"key":"a","value":1}')), [
      [1, overlong],
      [2, "a"],
    ]);
    await assert.rejects(read("csv", endless('key,value\na,1\nb,"', "\na,1")), /Line 3: The row has more than 8.03 MiB/);
    assert.ok(most - before < 200 * mib, String(most - before));
  });

  test("is passed over with --skip-bad, and else the error has its line and a hint that fits", async () => {
    const text = `{"key":"a","value":1}\n{"key":"b","value":"${"x".repeat(9 * mib)}"}\n{"key":"c","value":1}\n`;
    const line = new CommandLine();
    const skipping = await line.run(["import", "m", "--skip-bad"], text);
    assert.equal(skipping.exitCode, 1);
    assert.match(skipping.stderr, /Line 2 passed over: The line has more than[^]*2 entries imported.*1 bad row passed over/);
    assert.equal((await line.run(["scan", "m", "--keys-only"])).stdout, "c\na\n");
    const { exitCode, stderr } = await line.run(["import", "m"], text);
    assert.deepEqual([exitCode, stderr.split("\n")[0]], [2, `INVALID_ARGUMENT: Line 2: ${overlong}`]);
    assert.match(stderr, /\n {2}If the file has no JSON object on each line, .*--format.*--skip-bad/);
  });
});

describe("a key", () => {
  test("that is a long integer is a bad row where JavaScript would round it, and no other", async () => {
    const keys = ["9007199254740991", "-9007199254740991", "9007199254740992", "9007199254740993", "-1e300", "1.5", '"9007199254740993"'];
    const text = keys.map((key) => `{"key":${key},"value":1}\n{"key":${key},"more":1}\n`).join("");
    const found = await read("ndjson", cut(text, 999));
    const rounded = 'The key is a number with more digits than are kept: field "key"';
    const wanted = ["9007199254740991", "-9007199254740991", rounded, rounded, rounded, "1.5", "9007199254740993"];
    assert.deepEqual(
      found.map(([, what]) => what),
      wanted.flatMap((what) => [what, what]),
    );
  });

  /** Rows that take each of the ways to a key: as those of an export, and as rows of an own form with and without a field for the value. */
  const rowsWith = (key: string): readonly (readonly [RowMapping, string])[] => [
    [plain, `{"key":${key},"value":"v"}`],
    [plain, `{"more":{"key":"inner"},"key" : ${key} }`],
    [plain, `{"key":"first","more":[["\\"key\\":5"]],"\\u006bey":${key}}`],
    [plain, `{"\\"key":5,"n":"\\n","key":${key}}`],
    [{ ...plain, keyField: "a/b" }, `{"n":{"a/b":5},"a\\/b":${key}}`],
    [{ ...plain, keyField: 'a","b' }, `{"n":["a","b"],"a\\",\\"b":${key}}`],
    [{ ...plain, keyField: "id" }, `{"id":${key},"id2":"\\\\"}`],
    [{ ...plain, keyField: "id", valueField: "v" }, `{"v":"id","id":${key},"w":{"id":7}}`],
    [{ ...plain, keyField: "id", valueField: "v" }, `{"id":${key},"v":1}`],
  ];
  const keyOrFlaw = async (mapping: RowMapping, row: string): Promise<string | undefined> => {
    for await (const rows of formatCodecs.ndjson.read(Readable.from([Buffer.from(row)]), mapping)) {
      const { entry, error } = rows.at(0);
      return entry === undefined ? error?.message.replace(/: field .*/, "") : Buffer.from(entry.key).toString();
    }
    return undefined;
  };
  const keptAs = (text: string): string => `The key is a number that would be kept as ${text}`;
  const cases: readonly (readonly [key: string, wanted: string])[] = [
    ["0", "0"],
    ["-7", "-7"],
    ["1.5", "1.5"],
    ["0.1234567890123456", "0.1234567890123456"],
    ["1e-7", "1e-7"],
    ["0.12345678901234567891", keptAs("0.12345678901234568")],
    ["9007199254740990.5", keptAs("9007199254740990")],
    ["1.00000000000000000001", keptAs("1")],
    ["1.0", keptAs("1")],
    ["1e2", keptAs("100")],
    ["-0", keptAs("0")],
    ["[9007199254740993]", "The key is an array"],
    ["[]", "The key is an array"],
    ['{"a":1}', "The key is an object"],
    ["true", "The key is true"],
    ["false", "The key is false"],
    ["null", "The key is null"],
  ];
  for (const [key, wanted] of cases) {
    test(`that is written as ${key} is ${wanted === key ? "kept" : "a bad row"}, wherever it stands`, async () => {
      for (const [mapping, row] of rowsWith(key)) assert.equal(await keyOrFlaw(mapping, row), wanted, row);
    });
  }

  test("that is none has a hint that says what one may be", async () => {
    const { exitCode, stderr } = await new CommandLine().run(["import", "m"], '{"key":["a"],"value":1}\n');
    assert.deepEqual([exitCode, stderr.split("\n")[0]], [2, 'INVALID_ARGUMENT: Line 1: The key is an array: field "key"']);
    assert.match(stderr, /\n {2}A key is a text or a number\..*--key.*--skip-bad/);
  });
});

describe("a header of CSV or TSV", () => {
  for (const [format, delimiter] of [
    ["csv", ","],
    ["tsv", "\t"],
  ] as const) {
    test(`with a name twice is refused, also with --skip-bad: ${format}`, async () => {
      for (const skip of [[], ["--skip-bad"]]) {
        const header = ["id", "name", "name"].join(delimiter);
        const line = new CommandLine();
        const { exitCode, stderr } = await line.run(["import", "m", "--format", format, "--key", "id", ...skip], `${header}\n`);
        assert.deepEqual([exitCode, stderr.split("\n")[0]], [2, 'INVALID_ARGUMENT: The header has the name "name" twice']);
        assert.match(stderr, /\n {2}Give every column a name of its own/);
      }
    });
  }

  test("with two columns without a name is refused, with one it is not", async () => {
    await assert.rejects(read("csv", cut("key,,\na,1,2\n", 99)), /^BigMapError: The header has two columns without a name$/);
    assert.deepEqual(await read("csv", cut("key,\na,1\n", 99)), [[2, "a"]]);
  });
});

describe("a quote in CSV", () => {
  const open = "A quote that opens in this row is never closed: the row takes the rest of the file";
  const cases: readonly (readonly [what: string, text: string, wanted: readonly (readonly [number, string | RegExp])[]])[] = [
    [
      "that is never closed makes a bad row of the rest of the file, told with its first line",
      'key,value\na,1\nb,"never closed\nc,3\nd,4\n',
      [
        [2, "a"],
        [3, open],
      ],
    ],
    [
      "that is never closed, in the last line, too",
      'key,value\na,1\n"b\nb",2\nc,"',
      [
        [2, "a"],
        [4, "b\nb"],
        [5, open],
      ],
    ],
    [
      "within a cell costs its own row only",
      'key,value\na,5" pipe\nc,"5"" pipe"\n',
      [
        [2, /quote is found on field "value"/],
        [3, "c"],
      ],
    ],
  ];
  for (const [what, text, wanted] of cases) {
    test(what, async () => {
      for (const chunkBytes of [1, 7, 999]) {
        const found = await read("csv", cut(text, chunkBytes));
        assert.deepEqual(
          found.map(([line]) => line),
          wanted.map(([line]) => line),
        );
        for (const [i, [, text]] of wanted.entries()) {
          if (typeof text === "string") assert.equal(found[i]?.[1], text);
          else assert.match(String(found[i]?.[1]), text);
        }
      }
    });
  }

  test("is not missing where there are empty lines without end", async () => {
    const text = `key,value\n${"\n".repeat(9 * mib)}a,1\n`;
    assert.deepEqual(await read("csv", cut(text, 64 * 1024)), [[9 * mib + 2, "a"]]);
  });

  test("that is never closed ends an import with the row's line and a hint, or is passed over with --skip-bad", async () => {
    const line = new CommandLine();
    const text = 'key,value\na,1\nb,"2\nc,3\n';
    const { exitCode, stderr } = await line.run(["import", "m", "--format", "csv"], text);
    assert.deepEqual([exitCode, stderr.split("\n")[0]], [2, `INVALID_ARGUMENT: Line 3: ${open}`]);
    assert.match(stderr, /\n {2}Close the quote/);
    const skipping = await line.run(["import", "m", "--format", "csv", "--skip-bad"], text);
    assert.equal(skipping.exitCode, 1);
    assert.match(skipping.stderr, /Line 3 passed over: A quote that opens[^]*1 bad row passed over/);
  });
});
