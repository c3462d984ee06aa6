import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { noFaults } from "../../src/base/fault-points.js";
import { crashAt, crashPoint, parseCrashPlace } from "../../src/server/crash-at.js";

describe("crash places", () => {
  test("name a fault point and a time", () => {
    assert.deepEqual(parseCrashPlace("split.frozen:2"), { point: "split.frozen", times: 2 });
    assert.deepEqual(parseCrashPlace("commit.before-write"), { point: "commit.before-write", times: 1 });
  });

  test("that do not exist are an error that lists those that do", () => {
    for (const text of ["split.nowhere", "split.frozen:0", "split.frozen:x", ":1"]) {
      assert.throws(() => parseCrashPlace(text), { code: "INVALID_ARGUMENT", hint: /split\.frozen/ });
    }
  });

  test("are left once, at the time that was asked for", () => {
    let crashes = 0;
    const faults = crashPoint({ point: "split.frozen", times: 2 }, () => crashes++);
    faults.reach("split.frozen");
    faults.reach("split.drained");
    assert.equal(crashes, 0);
    faults.reach("split.frozen");
    faults.reach("split.frozen");
    assert.equal(crashes, 1);
  });

  test("are none without the variable", () => {
    assert.equal(crashAt(undefined), noFaults);
    assert.equal(crashAt(""), noFaults);
  });
});
