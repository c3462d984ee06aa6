import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BigMapError } from "../../src/base/errors.js";
import { Accounting } from "../../src/canister/accounting.js";
import { DeltaRowWriter, decodeCanisterRow, decodeDeltaRow, encodeCanisterRow } from "../../src/canister/accounting-rows.js";
import { tokenSpaceEnd } from "../../src/ring/hash-range.js";
import { rangeAndTokens } from "./token-entries.js";

const settings = { seed: 20_261_124, numRuns: 200 };
const largeNumber = fc.maxSafeNat();

/** A small row of which every byte is known: a range of two cells. */
function goldenAccounting(): Accounting {
  const accounting = new Accounting({ start: { high: 2 ** 31, low: 0 }, end: tokenSpaceEnd }, 2);
  accounting.add(2 ** 31, 1, 33);
  accounting.add(2 ** 32 - 1, 2, 70_000);
  return accounting;
}

function goldenDelta(): Buffer {
  const writer = new DeltaRowWriter();
  const accounting = goldenAccounting();
  writer.add(300, 9, accounting);
  accounting.add(2 ** 31, -1, -33);
  writer.add(301, 10, accounting);
  return writer.finish();
}

function expectCorrupt(read: () => unknown, what: string): void {
  assert.throws(read, (error) => error instanceof BigMapError && ["STORAGE_CORRUPT", "DATA_DIR_NEWER"].includes(error.code), what);
}

/** Every stored row with one byte changed, and every proper prefix of it, must be refused. */
function expectDamageIsFound(row: Buffer, read: (stored: Uint8Array) => unknown): void {
  read(row);
  for (let at = 0; at < row.length; at++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const damaged = Buffer.from(row);
      damaged[at] = (damaged[at] as number) ^ flip;
      expectCorrupt(() => read(damaged), `byte ${at} changed by ${flip}`);
    }
    expectCorrupt(() => read(row.subarray(0, at)), `cut to ${at} B`);
  }
  expectCorrupt(() => read(Buffer.concat([row, Buffer.alloc(1)])), "one byte more");
}

describe("a canister row", () => {
  test("comes back as it was stored", () => {
    fc.assert(
      fc.property(rangeAndTokens, fc.boolean(), largeNumber, largeNumber, ({ range, entries }, clearing, commitNumber, sequence) => {
        const accounting = new Accounting(range);
        for (const { token, bytes } of entries) accounting.add(token.high, 1, bytes);
        accounting.takeChanges(() => undefined);
        const row = decodeCanisterRow(encodeCanisterRow({ mapId: 2 ** 32 - 1, clearing, commitNumber, sequence, accounting }));
        assert.deepEqual(
          { ...row, accounting: undefined },
          { mapId: 2 ** 32 - 1, clearing, commitNumber, sequence, accounting: undefined },
        );
        assert.deepEqual([row.accounting.range, row.accounting.depth, row.accounting.cells], [range, accounting.depth, accounting.cells]);
        assert.deepEqual([row.accounting.entries, row.accounting.bytes], [accounting.entries, accounting.bytes]);
        for (let cell = 0; cell < accounting.cells; cell++)
          assert.deepEqual(row.accounting.amountOfCell(cell), accounting.amountOfCell(cell));
      }),
      settings,
    );
  });

  test("has these bytes", () => {
    const row = encodeCanisterRow({ mapId: 3, clearing: true, commitNumber: 500, sequence: 70_000, accounting: goldenAccounting() });
    assert.equal(row.toString("hex"), "01418f61de0301f403f0a2048080808008008080808010000202012102f0a204");
  });

  test("is an error with any byte changed, cut off or added", () => {
    const row = encodeCanisterRow({ mapId: 3, clearing: false, commitNumber: 500, sequence: 70_000, accounting: goldenAccounting() });
    expectDamageIsFound(row, decodeCanisterRow);
  });
});

describe("a delta row", () => {
  test("comes back as it was stored", () => {
    const change = fc
      .tuple(fc.nat({ max: 255 }), fc.integer({ min: -9, max: 9 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }))
      .map(([cell, entries, bytes]) => ({ cell, entries, bytes }));
    const canister = fc
      .tuple(largeNumber, largeNumber, fc.uniqueArray(change, { selector: ({ cell }) => cell, maxLength: 20 }))
      .map(([canisterId, sequence, cells]) => ({ canisterId, sequence, cells }));
    fc.assert(
      fc.property(fc.array(canister, { maxLength: 8 }), (deltas) => {
        const writer = new DeltaRowWriter();
        for (const { canisterId, sequence, cells } of deltas) {
          const accounting = new Accounting({ start: { high: 0, low: 0 }, end: tokenSpaceEnd });
          for (const { cell, entries, bytes } of cells) accounting.add(cell * 2 ** 24, entries, bytes);
          writer.add(canisterId, sequence, accounting);
        }
        assert.equal(writer.isEmpty, deltas.length === 0);
        assert.deepEqual(decodeDeltaRow(writer.finish()), deltas);
      }),
      settings,
    );
  });

  test("has these bytes", () => {
    assert.equal(goldenDelta().toString("hex"), "0123179d44ac0209020002420104e0c508ad020a01000141");
  });

  test("is an error with any byte changed, cut off or added", () => {
    expectDamageIsFound(goldenDelta(), decodeDeltaRow);
  });
});
