import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import Long from "long";
import { BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import {
  conditionOf,
  keyOf,
  kindOf,
  operationCondition,
  operationKind,
  resultStatus,
  valueOf,
  type OperationBatch,
  type ResultBatch,
} from "../../src/base/operation-batch.js";
import { OperationBatchBuilder } from "../../src/base/operation-batch-builder.js";
import { ResultBatchBuilder } from "../../src/base/result-batch-builder.js";
import { errorToWire } from "../../src/proto/error-codec.js";
import { bigmap } from "../../src/proto/gen/bigmap.js";
import { decodePipeRequest, encodePipeRequest } from "../../src/proto/pipe-request-codec.js";
import { decodePipeResponse, encodePipeClosing, encodePipeResponse, type PipeAnswer } from "../../src/proto/pipe-response-codec.js";
import { operationBatch, resultBatch, version } from "./arbitraries.js";

const { PipeRequest, PipeResponse } = bigmap.v1;
const long = (number: number): Long => Long.fromNumber(number, true);

function operationRows(batch: OperationBatch): unknown {
  const rows = Array.from({ length: batch.count }, (_, i) => ({
    operation: batch.operations[i],
    key: Buffer.from(keyOf(batch, i)).toString("hex"),
    value: Buffer.from(valueOf(batch, i)).toString("hex"),
    ifVersion: conditionOf(batch.operations[i] ?? 0) === operationCondition.ifVersion ? batch.ifVersions[i] : undefined,
  }));
  return { map: batch.map, rows, atomic: batch.atomic, noForward: batch.noForward, deadlineMs: batch.deadlineMs };
}

function resultRows(results: ResultBatch): unknown {
  const rows = Array.from({ length: results.count }, (_, i) => ({
    status: results.statuses[i],
    version: results.versions[i],
    value: Buffer.from(results.values.subarray(results.valueOffsets[i], results.valueOffsets[i + 1])).toString("hex"),
    error: describeError(results.errors.get(i)),
  }));
  return { indexes: results.indexes === undefined ? undefined : [...results.indexes], rows };
}

function answerRows(answers: readonly PipeAnswer[]): unknown {
  return answers.map((answer) => ({ batchId: answer.batchId, results: resultRows(answer.results) }));
}

function describeError(error: BigMapError | undefined): unknown {
  if (error === undefined) return undefined;
  const { code, message, retry, hint, currentVersion, ownerAddress } = error;
  return { code, message, retry, hint, currentVersion, ownerAddress };
}

function generatedRequest(batch: OperationBatch, batchId: number): Uint8Array {
  const places = Array.from({ length: batch.count }, (_, i) => i);
  const puts = places.filter((i) => kindOf(batch.operations[i] ?? 0) === operationKind.put);
  const versioned = places.filter((i) => conditionOf(batch.operations[i] ?? 0) === operationCondition.ifVersion);
  return PipeRequest.encode({
    ...(batchId === 0 ? {} : { batchId: long(batchId) }),
    ...(batch.map === "" ? {} : { map: batch.map }),
    ...(batch.deadlineMs === Infinity ? {} : { timeoutMs: batch.deadlineMs }),
    ...(batch.atomic ? { atomic: true } : {}),
    ...(batch.noForward ? { noForward: true } : {}),
    ...(batch.count === 0 ? {} : { operations: batch.operations }),
    keyBytes: places.map((i) => keyOf(batch, i).length),
    ...(batch.keys.length === 0 ? {} : { keys: batch.keys }),
    valueBytes: puts.map((i) => valueOf(batch, i).length),
    ...(batch.values.length === 0 ? {} : { values: batch.values }),
    ifVersions: versioned.map((i) => long(batch.ifVersions[i] ?? 0)),
  }).finish();
}

function generatedResponse(results: ResultBatch, batchId: number): Uint8Array {
  const places = Array.from({ length: results.count }, (_, i) => i);
  const valued = places.filter((i) => results.statuses[i] === resultStatus.foundValue);
  return PipeResponse.encode({
    batchId: long(batchId),
    indexes: results.indexes === undefined ? [] : [...results.indexes],
    ...(results.count === 0 ? {} : { statuses: results.statuses }),
    versions: places.map((i) => long(results.versions[i] ?? 0)),
    valueBytes: valued.map((i) => (results.valueOffsets[i + 1] ?? 0) - (results.valueOffsets[i] ?? 0)),
    ...(results.values.length === 0 ? {} : { values: results.values }),
    errors: [...results.errors].map(([resultIndex, error]) => ({
      ...(resultIndex === 0 ? {} : { resultIndex }),
      error: withoutDefaults(errorToWire(error)),
    })),
  }).finish();
}

/** The generated code writes what it is given; proto3's canonical form leaves defaults out. */
function withoutDefaults(detail: bigmap.v1.ErrorDetail.$Properties): bigmap.v1.ErrorDetail.$Properties {
  return Object.fromEntries(Object.entries(detail).filter(([, field]) => field !== "" && !(Long.isLong(field) && field.isZero())));
}

const batchId = version.filter((id) => id > 0);

describe("the pipe's request frames", () => {
  test("come back as they were", () => {
    fc.assert(
      fc.property(operationBatch, batchId, (batch, id) => {
        const frame = decodePipeRequest(encodePipeRequest(batch, id, 0), 0);
        assert.equal(frame.batchId, id);
        assert.deepEqual(operationRows(frame.batch), operationRows(batch));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test("are byte for byte those of the generated code, and those of the generated code are read", () => {
    fc.assert(
      fc.property(operationBatch, batchId, (batch, id) => {
        const generated = Buffer.from(generatedRequest(batch, id));
        assert.equal(encodePipeRequest(batch, id, 0).toString("hex"), generated.toString("hex"));
        assert.deepEqual(operationRows(decodePipeRequest(generated, 0).batch), operationRows(batch));
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  test("keep keys and values in the frame's memory", () => {
    const builder = new OperationBatchBuilder();
    builder.add(operationKind.put, "key", Buffer.from("value"), 0);
    const frame = encodePipeRequest(builder.build("map"), 1, 0);
    const { batch } = decodePipeRequest(frame, 0);
    assert.equal(batch.keys.buffer, frame.buffer);
    assert.equal(batch.values.buffer, frame.buffer);
  });

  test("carry the time that is left as a timeout, and never as no limit", () => {
    const at = (deadlineMs: number): number => {
      const builder = new OperationBatchBuilder();
      builder.add(operationKind.get, "k", undefined, 0);
      return decodePipeRequest(encodePipeRequest(builder.build("m", { deadlineMs }), 1, 1_000), 500).batch.deadlineMs;
    };
    assert.equal(at(1_250), 750);
    assert.equal(at(900), 501);
    assert.equal(at(Infinity), Infinity);
    assert.equal(at(1e15), 500 + 2 ** 32 - 1);
  });

  test("have these bytes on the wire", () => {
    const builder = new OperationBatchBuilder();
    builder.add(operationKind.get, "ab", undefined, 0);
    builder.add(operationKind.put | operationCondition.ifAbsent, "c", Buffer.from("xyz"), 0);
    builder.add(operationKind.delete | operationCondition.ifVersion, "d", undefined, 300);
    const frame = encodePipeRequest(builder.build("users", { atomic: true, noForward: true, deadlineMs: 1_000 }), 7, 0);
    assert.equal(
      frame.toString("hex"),
      "0807120575736572731" + "8e8072001280132030012233a03020101420461626364" + "4a01035203" + "78797a5a02ac02",
    );
  });

  test("may have their columns in several runs, in single numbers and among unknown fields", () => {
    // batch 1, map "m", operations get get; key_bytes as a run of one, an empty run and a single number; field 20 is unknown.
    const frame = Buffer.from(
      "0801" +
        "12016d" +
        "a20103666f6f" +
        "a80101" +
        "b50100000000" +
        "b9010000000000000000" +
        "32020000" +
        "3a0101" +
        "3a00" +
        "3802" +
        "4203616263",
      "hex",
    );
    const { batch } = decodePipeRequest(frame, 0);
    assert.deepEqual([...batch.keyOffsets], [0, 1, 3]);
  });

  const malformed: readonly (readonly [string, string])[] = [
    ["an empty frame", ""],
    ["no batch id", "12016d" + "320100" + "3a0101" + "420161"],
    ["keys longer than their bytes", "0801" + "320100" + "3a0102" + "420161"],
    ["bytes that belong to no key", "0801" + "320100" + "3a0101" + "42026161"],
    ["more key lengths than operations", "0801" + "320100" + "3a020100" + "420161"],
    ["fewer key lengths than operations", "0801" + "32020000" + "3a0101" + "420161"],
    ["a value for a get", "0801" + "320100" + "3a0101" + "420161" + "4a0101" + "520161"],
    ["a put without a value length", "0801" + "320102" + "3a0101" + "420161"],
    ["an unknown kind", "0801" + "320104" + "3a0101" + "420161"],
    ["an unknown condition", "0801" + "320132" + "3a0101" + "420161" + "4a0100"],
    ["a query with a condition", "0801" + "320110" + "3a0101" + "420161"],
    ["a condition without its version", "0801" + "320123" + "3a0101" + "420161"],
    ["a version that nobody asks for", "0801" + "320103" + "3a0101" + "420161" + "5a0101"],
    ["a truncated number", "0880"],
    ["a number of eleven bytes", "08ffffffffffffffffffff01"],
    ["a batch id of 2^53", "088080808080808010" + "320100" + "3a0101" + "420161"],
    ["a map's name that is not UTF-8", "0801" + "1201ff" + "320100" + "3a0101" + "420161"],
    ["a field longer than the frame", "0801" + "3205000000"],
    ["a length of 2^52", "0801" + "32808080808080808008"],
    ["a wrong wire type", "0a0101"],
    ["a wrong wire type of a column", "0801" + "3d00000000"],
    ["a group", "0801" + "a301a401"],
    ["field number 0", "0001"],
  ];
  for (const [name, hex] of malformed) {
    test(`with ${name} are FRAME_INVALID`, () => {
      assert.throws(() => decodePipeRequest(Buffer.from(hex, "hex"), 0), { name: "BigMapError", code: "FRAME_INVALID" });
    });
  }

  test("of too many operations or bytes are BATCH_TOO_LARGE", () => {
    const many = new OperationBatchBuilder();
    for (let i = 0; i <= limits.batchMaxOperations; i++) many.add(operationKind.get, "k", undefined, 0);
    assert.throws(() => decodePipeRequest(encodePipeRequest(many.build("m"), 1, 0), 0), { code: "BATCH_TOO_LARGE" });
    const large = new OperationBatchBuilder();
    large.add(operationKind.put, "k", Buffer.alloc(limits.batchMaxBytes), 0);
    assert.throws(() => decodePipeRequest(encodePipeRequest(large.build("m"), 1, 0), 0), { code: "BATCH_TOO_LARGE" });
    const runs = Buffer.concat([
      Buffer.from("0801", "hex"),
      ...Array.from({ length: 30_000 }, () => Buffer.from("3800", "hex")),
      Buffer.from("4000", "hex"),
    ]);
    assert.throws(() => decodePipeRequest(runs, 0), { code: "BATCH_TOO_LARGE" });
  });

  test("may carry keys and values of any length: the replica judges them one by one", () => {
    const builder = new OperationBatchBuilder();
    builder.add(operationKind.put, "", Buffer.alloc(limits.valueMaxBytes + 1), 0);
    builder.add(operationKind.get, Buffer.alloc(limits.keyMaxBytes + 1), undefined, 0);
    assert.equal(decodePipeRequest(encodePipeRequest(builder.build("m"), 1, 0), 0).batch.count, 2);
  });
});

describe("the pipe's response frames", () => {
  test("come back as they were", () => {
    fc.assert(
      fc.property(resultBatch, batchId, (results, id) => {
        const frame = decodePipeResponse(encodePipeResponse([{ batchId: id, results }]));
        assert.deepEqual(answerRows(frame.answers), answerRows([{ batchId: id, results }]));
        assert.equal(frame.closingLastBatchId, undefined);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  test("say the same as those of the generated code, and those of the generated code are read", () => {
    fc.assert(
      fc.property(resultBatch, batchId, (results, id) => {
        const generated = generatedResponse(results, id);
        assert.deepEqual(answerRows(decodePipeResponse(Buffer.from(generated)).answers), answerRows([{ batchId: id, results }]));
        const read = PipeResponse.decode(encodePipeResponse([{ batchId: id, results }]));
        const expected = PipeResponse.decode(generated);
        assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(expected)));
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  test("carry the answers of several batches, which the generated code reads too", () => {
    const answer = fc.record({ batchId, results: resultBatch });
    fc.assert(
      fc.property(fc.array(answer, { minLength: 1, maxLength: 5 }), (answers) => {
        const frame = encodePipeResponse(answers);
        assert.deepEqual(answerRows(decodePipeResponse(frame).answers), answerRows(answers));
        const read = PipeResponse.decode(frame);
        const ids = [read.batchId, ...(read.more ?? []).map((more) => more.batchId)];
        assert.deepEqual(
          ids.map(Number),
          answers.map((given) => given.batchId),
        );
      }),
      { seed: 8, numRuns: 200 },
    );
  });

  test("have these bytes on the wire where there are several batches", () => {
    const written = (version: number): ResultBatch => {
      const builder = new ResultBatchBuilder();
      builder.add(0, resultStatus.written, version);
      return builder.build(true);
    };
    const frame = encodePipeResponse([
      { batchId: 1, results: written(5) },
      { batchId: 2, results: written(6) },
    ]);
    assert.equal(frame.toString("hex"), "08011a0104220105" + "4a08" + "08021a0104220106");
  });

  test("have these bytes on the wire", () => {
    const builder = new ResultBatchBuilder();
    builder.addValue(0, 5, Buffer.from("hey"), 0, 3);
    builder.add(2, resultStatus.notFound, 0);
    builder.addError(3, new BigMapError("KEY_EMPTY", "m", { hint: "h" }));
    assert.equal(
      encodePipeResponse([{ batchId: 9, results: builder.build(false) }]).toString("hex"),
      "0809" +
        "1203000203" +
        "1a03010300" +
        "2203050000" +
        "2a0103" +
        "3203686579" +
        "3a17" +
        "0802" +
        "1213" +
        "0a094b45595f454d505459" +
        "12016d" +
        "1801" +
        "220168",
    );
  });

  test("name the last batch of a pipe that ends in order", () => {
    assert.equal(encodePipeClosing(300).toString("hex"), "420308ac02");
    assert.equal(decodePipeResponse(encodePipeClosing(300)).closingLastBatchId, 300);
    assert.equal(decodePipeResponse(encodePipeClosing(0)).closingLastBatchId, 0);
    const generated = PipeResponse.encode({ closing: { lastBatchId: long(300) } }).finish();
    assert.equal(Buffer.from(generated).toString("hex"), "420308ac02");
  });

  const malformed: readonly (readonly [string, string])[] = [
    ["no batch id", "1a0103" + "220100"],
    ["an unknown status", "0801" + "1a0107" + "220100"],
    ["fewer versions than results", "0801" + "1a020303" + "220100"],
    ["more versions than results", "0801" + "1a0103" + "22020000"],
    ["fewer indexes than results", "0801" + "120100" + "1a020303" + "22020000"],
    ["a failure without an error", "0801" + "1a0100" + "220100"],
    ["an error of a result that did not fail", "0801" + "1a0103" + "220100" + "3a00"],
    ["an error of a result that is not there", "0801" + "1a0103" + "220100" + "3a020805"],
    ["two errors of one result", "0801" + "1a0100" + "220100" + "3a00" + "3a00"],
    ["a value that is not there", "0801" + "1a0101" + "220100" + "2a0105"],
    ["a value without a length", "0801" + "1a0101" + "220100"],
    ["bytes that belong to no value", "0801" + "1a0103" + "220100" + "320161"],
    ["a wrong wire type", "0a00"],
    ["a wrong wire type of a further batch", "0801" + "4801"],
    ["a further batch within a further batch", "0801" + "4a06" + "0801" + "4a020801"],
    ["a pipe's end within a further batch", "0801" + "4a04" + "42020801"],
    ["a further batch without an id", "0801" + "4a06" + "1a0103" + "220100"],
    ["a further batch that ends in the middle of a field", "0801" + "4a03" + "080232" + "0100"],
  ];
  for (const [name, hex] of malformed) {
    test(`with ${name} are FRAME_INVALID`, () => {
      assert.throws(() => decodePipeResponse(Buffer.from(hex, "hex")), { name: "BigMapError", code: "FRAME_INVALID" });
    });
  }
});

describe("frames of noise", () => {
  const decoders: readonly ((frame: Buffer) => unknown)[] = [(frame) => decodePipeRequest(frame, 0), decodePipeResponse];
  const refusesOrReads = (frame: Buffer): void => {
    for (const decode of decoders) {
      try {
        decode(frame);
      } catch (error) {
        assert.ok(error instanceof BigMapError && ["FRAME_INVALID", "BATCH_TOO_LARGE"].includes(error.code), String(error));
      }
    }
  };

  test("are read or refused, and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => refusesOrReads(Buffer.from(noise))),
      { seed: 5, numRuns: 5_000 },
    );
  });

  test("made of good frames by flipping one bit or cutting them are read or refused, and nothing else", () => {
    fc.assert(
      fc.property(operationBatch, resultBatch, fc.nat(), fc.nat(), (batch, results, place, cut) => {
        for (const frame of [
          encodePipeRequest(batch, 1, 0),
          encodePipeResponse([
            { batchId: 1, results },
            { batchId: 2, results },
          ]),
        ]) {
          const flipped = Buffer.from(frame);
          const bit = place % (frame.length * 8);
          flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
          refusesOrReads(flipped);
          refusesOrReads(frame.subarray(0, cut % frame.length));
        }
      }),
      { seed: 6, numRuns: 1_000 },
    );
  });
});
