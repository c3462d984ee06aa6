import { emptyBytes } from "../base/bytes.js";
import { BigMapError, type ErrorCode } from "../base/errors.js";
import { limits } from "../base/limits.js";
import {
  CollectingSink,
  operationCondition,
  operationKind,
  resultStatus,
  type OperationResult,
  type OperationTarget,
} from "../base/operation-batch.js";
import { OperationBatchBuilder } from "../base/operation-batch-builder.js";
import type {
  DeleteRequest,
  EntryUpdate,
  GetManyRequest,
  GetRequest,
  GetResponse,
  GetResult,
  PutRequest,
  UpdateCondition,
  UpdateResult,
  WriteRequest,
} from "../proto/entry-codec.js";
import type { CallContext } from "../rpc/service.js";

/** Values of one GetMany answer, together. */
const answerMaxBytes = limits.messageMaxBytes / 2;
/** Keys that GetMany reads first, and at a time: what it reads beyond the limit of its answer stays small. */
const firstSliceKeys = 16;
const sliceKeys = 64;
/** Failures that concern a call as a whole, not one of its keys. */
const callFailures: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["MAP_NOT_FOUND", "MAP_NAME_INVALID"]);

/** The unary calls on entries, each carried out as one batch (GetMany: as one after another). */
export class UnaryOperations {
  readonly #target: OperationTarget;

  constructor(target: OperationTarget) {
    this.#target = target;
  }

  async get(request: GetRequest, context: CallContext): Promise<GetResponse> {
    const [result] = await this.#read(request.map, [request.key], request.omitValue, context);
    return toGetResponse(succeeded(result));
  }

  async put(request: PutRequest, context: CallContext): Promise<{ readonly version: number }> {
    const update: EntryUpdate = { key: request.key, put: request.value, condition: request.condition };
    const [result] = await this.#update(request.map, [update], false, context);
    return { version: succeeded(result).version };
  }

  async delete(request: DeleteRequest, context: CallContext): Promise<{ readonly existed: boolean }> {
    const update: EntryUpdate = { key: request.key, put: undefined, condition: request.condition };
    const [result] = await this.#update(request.map, [update], false, context);
    return { existed: succeeded(result).status === resultStatus.deleted };
  }

  /** Errors: BATCH_TOO_LARGE; of single keys also RESULT_TOO_LARGE, once the answer is full. */
  async getMany(request: GetManyRequest, context: CallContext): Promise<readonly GetResult[]> {
    const { map, keys, omitValue } = request;
    checkCount(keys.length);
    const results: GetResult[] = [];
    let answerBytes = 0;
    while (results.length < keys.length && answerBytes < answerMaxBytes) {
      // As many as fill the answer, if they are no larger than those before.
      const fill = Math.ceil(((answerMaxBytes - answerBytes) * results.length) / answerBytes);
      const count = results.length === 0 ? firstSliceKeys : Math.min(sliceKeys, fill);
      const slice = keys.slice(results.length, results.length + count);
      for (const result of await this.#read(map, slice, omitValue, context)) {
        throwCallFailure(result.error);
        answerBytes += result.value.length;
        results.push(answerBytes > answerMaxBytes ? resultTooLarge() : { ...toGetResponse(result), error: result.error });
      }
    }
    while (results.length < keys.length) results.push(resultTooLarge());
    return results;
  }

  /** Errors: BATCH_TOO_LARGE. */
  async write(request: WriteRequest, context: CallContext): Promise<readonly UpdateResult[]> {
    checkCount(request.updates.length);
    const bytes = request.updates.reduce((sum, { key, put }) => sum + key.length + (put?.length ?? 0), 0);
    if (bytes > limits.batchMaxBytes) {
      throw new BigMapError(
        "BATCH_TOO_LARGE",
        `A batch has at most ${limits.batchMaxBytes} bytes of keys and values, this one has ${bytes}`,
      );
    }
    const results = await this.#update(request.map, request.updates, true, context);
    return results.map(({ status, version, error }) => {
      throwCallFailure(error);
      return { version: status === resultStatus.written ? version : 0, existed: status === resultStatus.deleted, error };
    });
  }

  #read(map: string, keys: readonly Uint8Array[], omitValue: boolean, context: CallContext): Promise<readonly OperationResult[]> {
    const builder = new OperationBatchBuilder();
    for (const key of keys) builder.add(omitValue ? operationKind.has : operationKind.get, key, undefined, 0);
    return this.#submit(map, builder, false, context);
  }

  #update(map: string, updates: readonly EntryUpdate[], atomic: boolean, context: CallContext): Promise<readonly OperationResult[]> {
    const builder = new OperationBatchBuilder();
    for (const { key, put, condition } of updates) {
      const kind = put === undefined ? operationKind.delete : operationKind.put;
      builder.add(kind | conditionByte(condition), key, put, versionOf(condition));
    }
    return this.#submit(map, builder, atomic, context);
  }

  #submit(map: string, builder: OperationBatchBuilder, atomic: boolean, context: CallContext): Promise<readonly OperationResult[]> {
    const sink = new CollectingSink(builder.count);
    if (builder.count > 0) this.#target.submit(builder.build(map, { atomic, deadlineMs: context.deadlineMs }), context.sessionId, sink);
    return sink.results;
  }
}

function conditionByte(condition: UpdateCondition): number {
  if (condition === undefined) return operationCondition.always;
  return "ifAbsent" in condition ? operationCondition.ifAbsent : operationCondition.ifVersion;
}

function versionOf(condition: UpdateCondition): number {
  return condition !== undefined && "ifVersion" in condition ? condition.ifVersion : 0;
}

function toGetResponse(result: OperationResult): GetResponse {
  const found = result.status === resultStatus.foundValue || result.status === resultStatus.found;
  return { found, value: result.value, version: found ? result.version : 0 };
}

function succeeded(result: OperationResult | undefined): OperationResult {
  if (result === undefined) throw new BigMapError("INTERNAL", "An operation has no result");
  if (result.error !== undefined) throw result.error;
  return result;
}

function throwCallFailure(error: BigMapError | undefined): void {
  if (error !== undefined && callFailures.has(error.code)) throw error;
}

function resultTooLarge(): GetResult {
  const error = new BigMapError("RESULT_TOO_LARGE", `The values of one answer have at most ${answerMaxBytes} bytes together`);
  return { found: false, value: emptyBytes, version: 0, error };
}

function checkCount(operations: number): void {
  if (operations <= limits.batchMaxOperations) return;
  throw new BigMapError("BATCH_TOO_LARGE", `A batch has at most ${limits.batchMaxOperations} operations, this one has ${operations}`);
}
