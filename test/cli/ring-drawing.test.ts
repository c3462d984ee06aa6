import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { bar, column } from "../../src/cli/drawing/bar.js";
import { ansiPaint } from "../../src/cli/drawing/paint.js";
import { drawRing, type RingView } from "../../src/cli/drawing/ring-drawing.js";
import { evenRanges } from "../../src/ring/hash-range.js";
import type { CanisterStatus } from "../../src/ring/topology.js";

const mib = 2 ** 20;

/** Canisters of 4 MiB with these fills, on ranges of equal width. */
function viewOf(fills: readonly number[], change: Partial<CanisterStatus> = {}): RingView {
  const ranges = evenRanges(fills.length);
  const canisters = fills.map((fill, i): CanisterStatus => ({
    canisterId: i + 1,
    mapId: 1,
    map: "users",
    range: ranges[i] as CanisterStatus["range"],
    epoch: 1,
    replicaId: "replica-1",
    state: "serving",
    entries: Math.round(fill * 10_000),
    bytes: Math.round(fill * 4 * mib),
    capBytes: 4 * mib,
    sequence: 1,
    unsplittable: false,
    writesWaiting: false,
    ...change,
  }));
  return { map: "users", ringVersion: 7, canisters };
}

describe("the drawing of a ring", () => {
  test("has a headline, the ring in one line, and a row for each hash range", () => {
    assert.deepEqual(drawRing(viewOf([0, 0.25, 0.76, 1]), { width: 120, maxRows: 20 }), [
      "users: 4 canisters of 4 MiB · 20,100 entries · 8.04 MiB · ring version 7",
      `[${" ".repeat(24)}${"▂".repeat(25)}${"▆".repeat(24)}${"█".repeat(25)})`,
      "hash range                          canister  state    share  entries     bytes    full  fill",
      "0000000000000000..3fffffffffffffff        #1  serving  25.0%        0       0 B    0.0%  ······························",
      "4000000000000000..7fffffffffffffff        #2  serving  25.0%    2,500     1 MiB   25.0%  ███████▌······················",
      "8000000000000000..bfffffffffffffff        #3  serving  25.0%    7,600  3.04 MiB   76.0%  ██████████████████████▊·······",
      "c000000000000000..ffffffffffffffff        #4  serving  25.0%   10,000     4 MiB  100.0%  ██████████████████████████████",
    ]);
  });

  test("neighbours share a row where there are more canisters than rows, and the row shows the fullest", () => {
    const fills = Array.from({ length: 300 }, (_, i) => (i === 299 ? 0.9 : 0.3));
    const lines = drawRing(viewOf(fills), { width: 100, maxRows: 3 });
    assert.deepEqual(lines.slice(2), [
      "hash range                          canisters  state    share  entries      bytes    max  fill",
      "0000000000000000..5555555555555554        100  serving  33.3%  300,000  120.0 MiB  30.0%  ███·······",
      "5555555555555555..aaaaaaaaaaaaaaa9        100  serving  33.3%  300,000  120.0 MiB  30.0%  ███·······",
      "aaaaaaaaaaaaaaaa..ffffffffffffffff        100  serving  33.3%  306,000  122.4 MiB  90.0%  █████████·",
    ]);
  });

  test("on a narrow terminal the least telling columns go first", () => {
    assert.deepEqual(drawRing(viewOf([0.5]), { width: 40, maxRows: 5 }), [
      "users",
      "  1 canister of 4 MiB",
      "  5,000 entries",
      "  2 MiB",
      "  ring version 7",
      `[${"▄".repeat(38)})`,
      "canister  bytes   full  fill",
      "      #1  2 MiB  50.0%  ████████········",
    ]);
  });

  test("names the state of a canister and says when it cannot be split", () => {
    const lines = drawRing(viewOf([0.9], { state: "frozen", unsplittable: true }), { width: 140, maxRows: 5 });
    assert.match(lines.at(-1) ?? "", / frozen, unsplittable /);
  });

  test("paints a canister that is due for a split yellow, and one at its cap red", () => {
    const lines = drawRing(viewOf([0.5, 0.8, 0.97]), { width: 120, maxRows: 5, paint: ansiPaint });
    assert.deepEqual(
      lines.slice(-3).map((line) => /\u001b\[(\d+)m/.exec(line)?.[1]),
      ["32", "33", "31"],
    );
  });

  test("a map without canisters is said to have none", () => {
    assert.deepEqual(drawRing({ map: "users", ringVersion: 1, canisters: [] }, { width: 80, maxRows: 5 }), ["users has no canisters"]);
  });

  test("no line is longer than the terminal is wide, whatever the ring", () => {
    const rings = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 500 });
    fc.assert(
      fc.property(rings, fc.integer({ min: 44, max: 200 }), fc.integer({ min: 1, max: 60 }), (fills, width, maxRows) => {
        const lines = drawRing(viewOf(fills), { width, maxRows });
        for (const line of lines) assert.ok(line.length <= width, `${line.length} > ${width}: ${line}`);
        assert.ok(lines.length <= maxRows + 7);
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  test("the rows hold all canisters, entries and bytes", () => {
    const lines = drawRing(viewOf([0.1, 0.2, 0.3, 0.4, 0.5]), { width: 120, maxRows: 2 });
    const counts = lines.slice(3).map((line) => line.split(/ {2,}/).slice(1, 2).join());
    assert.deepEqual(counts, ["2", "3"]);
  });
});

describe("bars", () => {
  test("always have the width they are asked for", () => {
    fc.assert(
      fc.property(fc.double({ min: -1, max: 2, noNaN: true }), fc.integer({ min: 1, max: 80 }), (ratio, width) => {
        assert.equal(bar(ratio, width).length, width);
      }),
      { seed: 12, numRuns: 500 },
    );
  });

  test("show something as soon as there is something, and are full only when full", () => {
    assert.deepEqual([bar(0, 4), bar(0.0001, 4), bar(0.9999, 4), bar(1, 4)], ["····", "▏···", "███▉", "████"]);
    assert.deepEqual([column(0), column(0.001), column(0.5), column(1)], [" ", "▁", "▄", "█"]);
  });
});
