import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ScanPageBuilder, withoutValues } from "../../src/base/scan-page.js";
import { entriesOf, pageOf } from "./scan-entries.js";

const bytes = (maxLength: number): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength, size: "max" }).map((raw) => Buffer.from(raw));
const entries = fc.array(fc.record({ key: bytes(100), value: bytes(2_000), version: fc.maxSafeNat() }), { maxLength: 300, size: "max" });

test("a page holds what was added, however much it is", () => {
  fc.assert(
    fc.property(entries, (added) => {
      const page = pageOf(added, undefined);
      assert.equal(page.count, added.length);
      assert.deepEqual(entriesOf(page).map(plain), added.map(plain));
      const keysOnly = entriesOf(withoutValues(page)).map(plain);
      assert.deepEqual(
        keysOnly,
        added.map((entry) => plain({ ...entry, value: Buffer.alloc(0) })),
      );
    }),
    { seed: 20_261_126, numRuns: 30 },
  );
});

test("a page takes keys and values from the middle of other bytes, and counts them", () => {
  const page = new ScanPageBuilder();
  page.addSlices(Buffer.from("..key.."), 2, 5, Buffer.from("value!"), 0, 5, 7);
  assert.deepEqual([page.count, page.sizeBytes], [1, 8]);
  assert.deepEqual(entriesOf(page.build(undefined)).map(plain), [{ key: "6b6579", value: "76616c7565", version: 7 }]);
});

function plain({ key, value, version }: { key: Uint8Array; value: Uint8Array; version: number }): unknown {
  return { key: Buffer.from(key).toString("hex"), value: Buffer.from(value).toString("hex"), version };
}
