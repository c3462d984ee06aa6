import assert from "node:assert/strict";
import { test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { toOpenError, toStorageError } from "../../src/storage/rocksdb-errors.js";
import { refusedAfter, restartHint } from "../../src/storage/storage-errors.js";

const message = "IO error: While open a file for appending: /data/store/000008.log: Too many open files";

test("too many open files is a failure of the storage that says which limit to raise, also to those who come after it", () => {
  const failure = toStorageError({ code: "", message });
  for (const error of [failure, toOpenError({ code: "", message }), refusedAfter(failure)]) {
    assert.equal(error.code, "STORAGE_FAILED");
    assert.match(error.hint, /^Raise the limit of open files \(ulimit -n/);
  }
  assert.equal(restartHint(failure), failure.hint);
});

test("other failures are told to mend the disk", () => {
  const failures = [
    toStorageError({ code: "", message: "IO error: While fsync: Input/output error" }),
    new BigMapError("DISK_FULL", "full"),
  ];
  for (const failure of failures) assert.match(restartHint(failure), /^Mend the disk/);
});
