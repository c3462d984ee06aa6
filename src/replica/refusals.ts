import { BigMapError } from "../base/errors.js";
import type { OperationBatch } from "../base/operation-batch.js";
import { rangeContains } from "../ring/hash-range.js";
import type { BatchExecution } from "./batch-execution.js";
import type { HostedCanister } from "./hosted-canister.js";
import { faultOf, tokenAt } from "./operation-checks.js";

/** An atomic batch with an operation that would be refused in any map is refused before anything is done for it. */
export function refusedForFault(execution: BatchExecution, indexes: readonly number[]): boolean {
  const faulty = indexes.find((index) => faultOf(execution.batch, index) !== undefined);
  if (faulty === undefined) return false;
  refuseBatch(execution, indexes, faulty, faultOf(execution.batch, faulty) as BigMapError);
  execution.flush();
  return true;
}

export function refuseBatch(execution: BatchExecution, indexes: readonly number[], faulty: number, error: BigMapError): void {
  const aborted = new BigMapError("BATCH_ABORTED", `Nothing was applied: another update failed with ${error.code}`, { retry: error.retry });
  for (const index of indexes) execution.addError(index, index === faulty ? error : aborted);
}

/** A canister answers for its own range only, whatever the routes say. */
export function owns(hosted: HostedCanister, batch: OperationBatch, unit: readonly number[]): boolean {
  return unit.every((index) => {
    const [high, low] = tokenAt(batch, index);
    return rangeContains(hosted.canister.range, high, low);
  });
}

export function moved(hosted: HostedCanister): BigMapError {
  return new BigMapError("CANISTER_BUSY", `The key is moving away from canister ${hosted.canister.canisterId}`);
}

export function stopped(hosted: HostedCanister): BigMapError {
  return new BigMapError("CANISTER_STOPPED", `Canister ${hosted.canister.canisterId} is ${hosted.canister.state}`);
}
