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
const overlongRow = overlong.replace("line", "row");

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
      const csv = (bytes: number): string => `long,${"x".repeat(bytes)}`;
      const rows = ["key,value", "a,1", csv(8.1 * mib), "b,1", csv(9 * mib), csv(20 * mib), "c,1"];
      const wantedRows = wanted.map(([line, what]) => [Number(line) + 1, what === overlong ? overlongRow : what]);
      assert.deepEqual(await read("csv", cut(rows.join("\n"), chunkBytes)), wantedRows);
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
    assert.deepEqual((await read("csv", endless('key,value\nb,"', "\na,1"))).slice(-1), [[3, "a"]]);
    assert.ok(most - before < 200 * mib, String(most - before));
  });

  test("is passed over with --skip-bad, and else the error has its line and a hint that fits", async () => {
    const text = `{"key":"a","value":1}\n{"key":"b","value":"${"x".repeat(9 * mib)}"}\n{"key":"c","value":1}\n`;
    const line = new CommandLine();
    const skipping = await line.run(["import", "m", "--skip-bad"], text);
    assert.equal(skipping.exitCode, 1);
    assert.match(skipping.stderr, /Line 2 passed over: The line has more than[^]*2 entries imported.*1 bad row passed over/);
    assert.equal((await line.run(["scan", "m", "--keys-only"])).stdout, "a\nc\n");
    const { exitCode, stderr } = await line.run(["import", "m"], text);
    assert.deepEqual([exitCode, stderr.split("\n")[0]], [2, `INVALID_ARGUMENT: Line 2: ${overlong}`]);
    assert.match(stderr, /\n {2}If the file has no JSON object on each line, .*--format.*--skip-bad/);
  });
});

describe("a wrong quote in CSV", () => {
  const unclosed = (column: number, where = "before the end of the file"): string =>
    `The quote that opens in column ${column} is not closed ${where}`;
  const behind = (column: number): string => `The quoted text in column ${column} goes on behind its closing quote`;
  const within = (column: number): string => `There is a quote in column ${column}, which does not begin with one`;
  const cases: readonly (readonly [what: string, text: string, wanted: readonly (readonly [number, string])[]])[] = [
    [
      "that is never closed costs its own line only",
      'key,value\na,1\nb,"never closed\nc,3\nd,4\n',
      [
        [2, "a"],
        [3, unclosed(2)],
        [4, "c"],
        [5, "d"],
      ],
    ],
    [
      "that meets the next quote of the file costs its own line only",
      'key,value\n"a,1\n"b","2\n2"\nc,3\n',
      [
        [2, behind(1)],
        [3, "b"],
        [5, "c"],
      ],
    ],
    [
      "is told with the line on which it opens",
      'key,value\n"a\na",1\n"b\nb","x\nc,3',
      [
        [2, "a\na"],
        [5, unclosed(2)],
        [6, "c"],
      ],
    ],
    [
      "within a cell, or behind a quoted one, costs its own line only",
      'key,value\r\na,5" pipe\r\nb,"5" pipe\r\nc,"5"" pipe"\r\n',
      [
        [2, within(2)],
        [3, behind(2)],
        [4, "c"],
      ],
    ],
    [
      "in the last line is told too",
      'key,value\na,1\nb,"',
      [
        [2, "a"],
        [3, unclosed(2)],
      ],
    ],
  ];
  for (const [what, text, wanted] of cases) {
    test(what, async () => {
      for (const chunkBytes of [1, 2, 3, 7, 999]) assert.deepEqual(await read("csv", cut(text, chunkBytes)), wanted, String(chunkBytes));
    });
  }

  test("is given up where the row would be too long, and the next line is read", async () => {
    const filler = `x,${"y".repeat(1_000)}\n`.repeat(20_000);
    for (const chunkBytes of [64 * 1024, mib]) {
      const found = await read("csv", cut(`key,value\na,1\nb,"2\n${filler}c,3\n`, chunkBytes));
      assert.deepEqual(found.slice(0, 3), [
        [2, "a"],
        [3, unclosed(2, "within the length that a row may have")],
        [4, "x"],
      ]);
      assert.deepEqual([found.length, found.at(-1)], [20_003, [20_004, "c"]]);
    }
  });

  test("ends an import with its line and a hint, and is passed over with --skip-bad", async () => {
    const line = new CommandLine();
    const text = 'key,value\na,1\nb,"2\nc,3\n';
    const { exitCode, stderr } = await line.run(["import", "m", "--format", "csv"], text);
    assert.deepEqual([exitCode, stderr.split("\n")[0]], [2, `INVALID_ARGUMENT: Line 3: ${unclosed(2)}`]);
    assert.match(stderr, /\n {2}Write a cell with quotes in it as "5"" pipe"/);
    assert.equal((await line.run(["import", "m", "--format", "csv", "--skip-bad"], text)).exitCode, 1);
    assert.equal((await line.run(["scan", "m"])).stdout, "a\t1\nc\t3\n");
  });

  test("in the header ends the import, with --skip-bad too", async () => {
    const { exitCode, stderr } = await new CommandLine().run(["import", "m", "--format", "csv", "--skip-bad"], 'key,"value\na,1\n');
    assert.deepEqual([exitCode, stderr.split("\n")[0]], [2, `INVALID_ARGUMENT: Line 1: ${unclosed(2)}`]);
  });
});

describe("rows of CSV", () => {
  test("may be ended in each way that there is, have names of any kind, and lines between them", async () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = `\uFEFF${end}key,__proto__,value${end}${end}a,1,2${end}"b${end}b",3,4${end}${end}c,,`;
      const wanted = [
        [4, "a"],
        [5, `b${end}b`],
        [8, "c"],
      ];
      for (const chunkBytes of [1, 2, 5, 99]) assert.deepEqual(await read("csv", cut(text, chunkBytes)), wanted, JSON.stringify(end));
    }
    const line = new CommandLine();
    await line.run(["import", "m", "--format", "csv"], "__proto__,key\n1,a\n");
    assert.equal((await line.run(["get", "m", "a"])).stdout, '{"__proto__":"1","key":"a"}\n');
  });

  test("with more or fewer cells than the header are bad; an empty file has none", async () => {
    assert.deepEqual(await read("csv", cut("key,value\na\nb,1,2\nc,\n", 4)), [
      [2, "The row has 1 cell, the header 2 cells"],
      [3, "The row has 3 cells, the header 2 cells"],
      [4, "c"],
    ]);
    for (const text of ["", "\n", "\uFEFF", "key,value", "key,value\n"]) assert.deepEqual(await read("csv", cut(text, 99)), []);
  });

  test("in UTF-16 are an error where they are none", async () => {
    await assert.rejects(read("csv", [Buffer.from("\uFEFFkey,value\na,\ud800b\n", "utf16le")]), {
      message: "The file begins as UTF-16 does, and is none",
    });
  });
});
