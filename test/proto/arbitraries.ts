/** Random messages for the codec tests. */
import * as fc from "fast-check";
import { errorTable, BigMapError, type ErrorCode } from "../../src/base/errors.js";
import {
  noErrors,
  operationCondition,
  operationKind,
  resultStatus,
  type OperationBatch,
  type ResultBatch,
} from "../../src/base/operation-batch.js";
import { OperationBatchBuilder } from "../../src/base/operation-batch-builder.js";
import { ResultBatchBuilder } from "../../src/base/result-batch-builder.js";

export const version = fc.oneof(fc.nat(), fc.maxSafeNat());
export const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });

export const bigMapError: fc.Arbitrary<BigMapError> = fc
  .record({
    code: fc.constantFrom(...(Object.keys(errorTable) as ErrorCode[])),
    message: fc.string({ unit: "grapheme" }),
    retry: fc.constantFrom("permanent" as const, "transient" as const, "outcome unknown" as const),
    hint: fc.string({ minLength: 1 }),
    currentVersion: version,
  })
  .map(({ code, message, retry, hint, currentVersion }) => {
    const extra = code === "CONDITION_FAILED" ? { currentVersion } : code === "NOT_OWNER" ? { ownerAddress: "h:1" } : {};
    return new BigMapError(code, message, { retry, hint, ...extra });
  });

export const operation = fc.oneof(
  fc.constantFrom(operationKind.get, operationKind.has).map((kind) => ({ kind, condition: operationCondition.always })),
  fc.record({
    kind: fc.constantFrom(operationKind.put, operationKind.delete),
    condition: fc.constantFrom<number>(...Object.values(operationCondition)),
  }),
);

export const operationBatch: fc.Arbitrary<OperationBatch> = fc
  .record({
    map: fc.string({ unit: "grapheme", maxLength: 40 }),
    rows: fc.array(fc.record({ operation, key: bytes(200), value: bytes(300), ifVersion: version }), { maxLength: 40 }),
    atomic: fc.boolean(),
    noForward: fc.boolean(),
    timeoutMs: fc.option(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { nil: Infinity }),
  })
  .map(({ map, rows, atomic, noForward, timeoutMs }) => {
    const builder = new OperationBatchBuilder();
    for (const {
      operation: { kind, condition },
      key,
      value,
      ifVersion,
    } of rows) {
      builder.add(kind | condition, key, kind === operationKind.put ? value : undefined, ifVersion);
    }
    return builder.build(map, { atomic, noForward, deadlineMs: timeoutMs });
  });

const resultRow = fc.record({ status: fc.constantFrom(...Object.values(resultStatus)), version, value: bytes(300), error: bigMapError });

export const resultBatch: fc.Arbitrary<ResultBatch> = fc
  .record({ rows: fc.array(resultRow, { maxLength: 30 }), complete: fc.boolean() })
  .map(({ rows, complete }) => {
    const builder = new ResultBatchBuilder();
    for (const [i, row] of rows.entries()) {
      if (row.status === resultStatus.failed) builder.addError(i * 3, row.error);
      else if (row.status === resultStatus.foundValue) builder.addValue(i * 3, row.version, row.value, 0, row.value.length);
      else builder.add(i * 3, row.status, row.version);
    }
    return rows.length === 0 ? { ...builder.build(true), errors: noErrors } : builder.build(complete);
  });
