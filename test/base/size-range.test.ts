import assert from "node:assert/strict";
import { test } from "node:test";
import type { BigMapError } from "../../src/base/errors.js";
import { assertSettings } from "../../src/base/map-settings.js";

const cases: readonly (readonly [unknown, string])[] = [
  [2 ** 40, "canisterCapBytes of 1 TiB is not between 64 KiB and 4 GiB"],
  [2 ** 32 + 1, "canisterCapBytes of 4294967297 B is not between 65536 B and 4294967296 B"],
  [70_000.5, "canisterCapBytes of 70000.5 is not a whole number of bytes between 64 KiB and 4 GiB"],
  ["1GiB", 'canisterCapBytes of "1GiB" is not a whole number of bytes between 64 KiB and 4 GiB'],
  [2n ** 40n, "canisterCapBytes of 1099511627776 is not a whole number of bytes between 64 KiB and 4 GiB"],
];

test("a cap that no map may have is told in units, whatever it is", () => {
  for (const [canisterCapBytes, message] of cases) {
    assert.throws(
      () => assertSettings({ canisterCapBytes: canisterCapBytes as number }),
      (error: BigMapError) => {
        assert.deepEqual([error.code, error.message], ["INVALID_ARGUMENT", message]);
        return true;
      },
    );
  }
  assertSettings({ canisterCapBytes: 2 ** 16 });
});
