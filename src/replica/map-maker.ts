import { BigMapError } from "../base/errors.js";
import { isMapName } from "../base/limits.js";
import { conditionOf, kindOf, operationCondition, operationKind, type OperationBatch } from "../base/operation-batch.js";
import type { BatchExecution } from "./batch-execution.js";
import { faultOf } from "./operation-checks.js";

interface WaitingOperations {
  readonly execution: BatchExecution;
  readonly indexes: readonly number[];
}

/**
 * Operations on maps that are not there. A map comes into being with its first put; everything that is asked of it from
 * that put on waits until it is there and then goes its way in order. What comes before any put is MAP_NOT_FOUND.
 */
export class MapMaker {
  readonly #waiting = new Map<string, WaitingOperations[]>();

  constructor(
    private readonly ensureMap: (map: string) => Promise<unknown>,
    /** Answers false where the map is still not there. */
    private readonly dispatch: (execution: BatchExecution, indexes: readonly number[]) => boolean,
  ) {}

  /** Whether operations on this map wait for it. */
  isMaking(map: string): boolean {
    return this.#waiting.size > 0 && this.#waiting.has(map);
  }

  take(execution: BatchExecution, indexes: readonly number[]): void {
    const { batch } = execution;
    const waiting = this.#waiting.get(batch.map);
    if (waiting !== undefined) {
      waiting.push({ execution, indexes });
      return;
    }
    const first = isMapName(batch.map) ? indexes.findIndex((index) => makesMap(batch, index)) : -1;
    const refused = first < 0 ? indexes : indexes.slice(0, first);
    refuse({ execution, indexes: refused }, mapNotFound(batch.map));
    if (first < 0) return;
    this.#waiting.set(batch.map, [{ execution, indexes: indexes.slice(first) }]);
    this.ensureMap(batch.map).then(
      () => this.#release(batch.map, undefined),
      (error: unknown) => this.#release(batch.map, BigMapError.from(error)),
    );
  }

  #release(map: string, failure: BigMapError | undefined): void {
    const waiting = this.#waiting.get(map) ?? [];
    this.#waiting.delete(map);
    for (const operations of waiting) {
      if (failure !== undefined) refuse(operations, failure);
      // Dropped again before its first write could be carried out.
      else if (!this.dispatch(operations.execution, operations.indexes)) refuse(operations, mapNotFound(map));
    }
  }
}

function refuse({ execution, indexes }: WaitingOperations, error: BigMapError): void {
  for (const index of indexes) execution.addError(index, faultOf(execution.batch, index) ?? error);
  execution.flush();
}

/** An update that would be refused in any map makes none. */
/** A put that could be the first entry; deleting or replacing what cannot be there is no reason to make a map. */
function makesMap(batch: OperationBatch, index: number): boolean {
  const operation = batch.operations[index] as number;
  const isFirst = kindOf(operation) === operationKind.put && conditionOf(operation) !== operationCondition.ifVersion;
  return isFirst && faultOf(batch, index) === undefined;
}

export function mapNotFound(map: string): BigMapError {
  if (isMapName(map)) return new BigMapError("MAP_NOT_FOUND", `There is no map "${map}"`);
  return new BigMapError("MAP_NAME_INVALID", "This is not a name that a map may have");
}
