import { operationKind, resultStatus } from "../../src/base/operation-batch.js";
import { OperationBatchBuilder } from "../../src/base/operation-batch-builder.js";
import { ResultBatchBuilder } from "../../src/base/result-batch-builder.js";
import type { OperationBatch, ResultBatch } from "../../src/base/operation-batch.js";
import { seededRandom } from "../../src/base/random.js";
import { decodePipeRequest, encodePipeRequest } from "../../src/proto/pipe-request-codec.js";
import { decodePipeResponse, encodePipeResponse } from "../../src/proto/pipe-response-codec.js";
import { randomText, sized, type MicroBenchmark, type MicroSubject } from "./benchmark.js";

const keyBytes = 20;

/** What a batch holds, and how it is named. */
interface Load {
  readonly label: string;
  readonly kind: "get" | "put";
  readonly valueBytes: number;
}

const loads: readonly Load[] = [
  { label: "gets", kind: "get", valueBytes: 0 },
  { label: "puts of 100 B", kind: "put", valueBytes: 100 },
  { label: "puts of 1 KiB", kind: "put", valueBytes: 1_024 },
];
const answers: readonly Load[] = [
  { label: "puts", kind: "put", valueBytes: 0 },
  { label: "gets of 100 B", kind: "get", valueBytes: 100 },
  { label: "gets of 1 KiB", kind: "get", valueBytes: 1_024 },
];

/** Frames of the fast road, per operation. Size: operations of the batch. */
export const pipeCodecBenchmarks: MicroSubject = (scale) => {
  const sizes = sized(scale, [1, 16, 256], [1, 16]);
  return [
    ...loads.flatMap((load) => sizes.flatMap((count) => requestBenchmarks(load, count))),
    ...answers.flatMap((load) => sizes.flatMap((count) => responseBenchmarks(load, count))),
  ];
};

function requestBenchmarks(load: Load, count: number): MicroBenchmark[] {
  const encode = (): (() => number) => {
    const batch = requestOf(load, count);
    return () => encodePipeRequest(batch, 12_345, 0).length;
  };
  const decode = (): (() => number) => {
    const frame = encodePipeRequest(requestOf(load, count), 12_345, 0);
    return () => decodePipeRequest(frame, 0).batch.count;
  };
  return [benchmark(`pipe request encode, ${load.label}`, count, encode), benchmark(`pipe request decode, ${load.label}`, count, decode)];
}

function responseBenchmarks(load: Load, count: number): MicroBenchmark[] {
  const encode = (): (() => number) => {
    const answers = [{ batchId: 12_345, results: responseOf(load, count) }];
    return () => encodePipeResponse(answers).length;
  };
  const decode = (): (() => number) => {
    const frame = encodePipeResponse([{ batchId: 12_345, results: responseOf(load, count) }]);
    return () => decodePipeResponse(frame).answers.length;
  };
  return [benchmark(`pipe response encode, ${load.label}`, count, encode), benchmark(`pipe response decode, ${load.label}`, count, decode)];
}

function benchmark(name: string, count: number, prepare: () => () => number): MicroBenchmark {
  return { name, size: count, operations: count, prepare: () => ({ run: prepare() }) };
}

function requestOf({ kind, valueBytes }: Load, count: number): OperationBatch {
  const random = seededRandom(count);
  const builder = new OperationBatchBuilder();
  for (let i = 0; i < count; i++) {
    builder.add(operationKind[kind], randomText(random, keyBytes), kind === "put" ? randomText(random, valueBytes) : undefined, 0);
  }
  return builder.build("bench", { deadlineMs: 10_000 });
}

function responseOf({ kind, valueBytes }: Load, count: number): ResultBatch {
  const random = seededRandom(count);
  const builder = new ResultBatchBuilder();
  for (let i = 0; i < count; i++) {
    if (kind === "get") builder.addValue(i, 1_000_000 + i, randomText(random, valueBytes), 0, valueBytes);
    else builder.add(i, resultStatus.written, 1_000_000 + i);
  }
  return builder.build(true);
}
