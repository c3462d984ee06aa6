import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errorTable } from "../../src/base/errors.js";
import { readProjectFile } from "./source-files.js";

describe("src/base/ERRORS.md", () => {
  test("has a row for every error of the table, and no other (npm run fix writes it)", () => {
    const rows = readProjectFile("src/base/ERRORS.md")
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map((line) =>
        line
          .split("|")
          .map((cell) => cell.trim().replaceAll("`", ""))
          .slice(1, -1),
      );
    const expected = Object.entries(errorTable).map(([code, row]) => [code, row.grpcStatus, row.retry, row.hint]);
    assert.deepEqual(rows, expected);
  });
});
