import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatBytes, formatBytesRate } from "../../src/cli/number-text.js";

describe("bytes that were moved", () => {
  const cases: readonly (readonly [bytes: number, text: string])[] = [
    [0, "0 B"],
    [1, "1 B"],
    [999, "999 B"],
    [999.5, "1.0 kB"],
    [1_000, "1.0 kB"],
    [12_345, "12.3 kB"],
    [999_949, "999.9 kB"],
    [999_950, "1.0 MB"],
    [24_000_000, "24.0 MB"],
    [1.5e9, "1.5 GB"],
    [2e15, "2000.0 TB"],
  ];
  for (const [bytes, text] of cases) {
    test(`are written in the unit that fits: ${text}`, () => {
      assert.equal(formatBytes(bytes), text);
      assert.equal(formatBytesRate(bytes / 4, 250), `${text}/s`);
    });
  }
});
