/** Pieces of a batch that is handed on bit by bit, and their results. HOT. */
import { BigMapError } from "../base/errors.js";
import { kindOf, operationKind, type OperationBatch, type ResultBatch } from "../base/operation-batch.js";
import { ResultBatchBuilder } from "../base/result-batch-builder.js";

/** Where the operations from `start` on end that have at most `room` gets. */
export function endOfPiece(batch: OperationBatch, start: number, room: number): number {
  if (batch.atomic) return room > 0 || getsBetween(batch, start, batch.count) === 0 ? batch.count : start;
  let end = start;
  for (let gets = 0; end < batch.count; end++) if (isGet(batch, end) && ++gets > room) break;
  return end;
}

function isGet(batch: OperationBatch, index: number): boolean {
  return kindOf(batch.operations[index] as number) === operationKind.get;
}

/** Gets among the operations `start` to `end` (exclusive). */
export function getsBetween(batch: OperationBatch, start: number, end: number): number {
  let gets = 0;
  for (let i = start; i < end; i++) if (isGet(batch, i)) gets++;
  return gets;
}

/** Gets among the operations that were answered, in any way. */
export function getsAnswered(batch: OperationBatch, { count, indexes }: ResultBatch): number {
  if (indexes === undefined) return getsBetween(batch, 0, count);
  let gets = 0;
  for (let i = 0; i < count; i++) if (isGet(batch, indexes[i] as number)) gets++;
  return gets;
}

/** Gets among the operations that failed. */
export function getsRefused(batch: OperationBatch, { errors, indexes }: ResultBatch): number {
  let gets = 0;
  for (const row of errors.keys()) if (isGet(batch, indexes === undefined ? row : (indexes[row] as number))) gets++;
  return gets;
}

/** Operations `start` to `end` (exclusive), as views of the same memory. */
export function pieceOf(batch: OperationBatch, start: number, end: number): OperationBatch {
  const { operations, keyOffsets, valueOffsets, ifVersions } = batch;
  return {
    ...batch,
    count: end - start,
    operations: operations.subarray(start, end),
    keyOffsets: keyOffsets.subarray(start, end + 1),
    valueOffsets: valueOffsets.subarray(start, end + 1),
    ifVersions: ifVersions.subarray(start, end),
  };
}

/** The results of a piece, at their places in the batch. */
export function placed(results: ResultBatch, firstIndex: number): ResultBatch {
  const { count } = results;
  const indexes = results.indexes ?? Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = 0; i < count; i++) indexes[i] = (indexes[i] as number) + firstIndex;
  return { ...results, indexes };
}

/** DEADLINE_EXCEEDED for the operations from `from` on. */
export function tooLate(batch: OperationBatch, from: number): ResultBatch {
  const error = new BigMapError(
    "DEADLINE_EXCEEDED",
    "The answers of what came before were not taken until the deadline, so this was not begun",
  );
  const results = new ResultBatchBuilder(batch.count - from);
  for (let index = from; index < batch.count; index++) results.addError(index, error);
  return results.build(from === 0);
}
