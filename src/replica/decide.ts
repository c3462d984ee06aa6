/** Decides the operations of a group, in order of arrival, into a commit. HOT. */
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import { conditionOf, kindOf, operationKind, resultStatus } from "../base/operation-batch.js";
import { refusal } from "../canister/data-canister.js";
import type { BatchExecution } from "./batch-execution.js";
import type { Commit } from "./commit.js";
import type { HostedCanister } from "./hosted-canister.js";
import type { PendingKey } from "./pending-keys.js";
import type { UpdateGroup } from "./update-group.js";

/** Takes `size` operations of the group, from `first`, out of the pipeline until their canister takes updates again. */
export type ParkOperations = (group: UpdateGroup, first: number, size: number) => void;

export function decideGroup(group: UpdateGroup, commit: Commit, park: ParkOperations, nowMs: number): void {
  group.entriesNear = readAhead(group);
  let size = 1;
  for (let i = 0; i < group.size; i += size) {
    size = group.unitSizes[i] as number;
    const hosted = group.canisters[i] as HostedCanister;
    // What comes after a parked operation of the canister waits too, so that no order is lost.
    if (hosted.isFull) park(group, i, size);
    else if (size === 1) decideOne(group, i, commit, park, nowMs);
    else decideUnit(group, i, size, commit, park, nowMs);
  }
}

/**
 * Reads a number of each operation's cell. With thousands of canisters each update meets one that no processor cache has, and would
 * wait for memory four times in a row, for canister, accounting, array and cell; in a loop as short as this the processor
 * waits for several operations at once.
 */
function readAhead(group: UpdateGroup): number {
  let sum = 0;
  for (let i = 0; i < group.size; i++) {
    const { accounting } = (group.canisters[i] as HostedCanister).canister;
    sum += accounting.entriesNear((group.keys[i] as PendingKey).tokenHigh);
  }
  return sum;
}

function decideOne(group: UpdateGroup, i: number, commit: Commit, park: ParkOperations, nowMs: number): void {
  const execution = group.executions[i] as BatchExecution;
  const index = group.indexes[i] as number;
  const hosted = group.canisters[i] as HostedCanister;
  const key = group.keys[i] as PendingKey;
  const outcome = nowMs > execution.batch.deadlineMs ? deadlinePassed() : (key.failure ?? decide(execution, index, hosted, key));
  if (typeof outcome !== "number") commit.addResult(execution, index, hosted, key, resultStatus.failed, 0, outcome);
  else if (outcome === refusal.full) parkFull(group, i, 1, commit, park);
  else record(commit, execution, index, hosted, key, outcome);
}

/** Carries out one operation on the canister's decided state. Returns a version, a `refusal`, or 0 for a query. */
function decide(execution: BatchExecution, index: number, hosted: HostedCanister, key: PendingKey): number {
  const { batch } = execution;
  const operation = batch.operations[index] as number;
  const kind = kindOf(operation);
  const condition = conditionOf(operation);
  const ifVersion = condition === 0 ? 0 : (batch.ifVersions[index] ?? 0);
  if (kind === operationKind.put) {
    const start = batch.valueOffsets[index] as number;
    const end = batch.valueOffsets[index + 1] as number;
    const entryBytes = key.keyEnd - key.keyStart + end - start + limits.entryOverheadBytes;
    const version = hosted.canister.decidePut(key.tokenHigh, condition, ifVersion, key.version, key.entryBytes, entryBytes);
    if (version > 0) {
      if (key.version === 0) key.isNew = true;
      key.setValue(version, entryBytes, batch.values, start, end);
    }
    return version;
  }
  if (kind === operationKind.delete) {
    const version = hosted.canister.decideDelete(key.tokenHigh, condition, ifVersion, key.version, key.entryBytes);
    if (version > 0) key.setAbsent();
    return version;
  }
  return 0;
}

/** Adds the rows and the result of a decided operation to the commit. */
function record(commit: Commit, execution: BatchExecution, index: number, hosted: HostedCanister, key: PendingKey, outcome: number): void {
  const { batch } = execution;
  const kind = kindOf(batch.operations[index] as number);
  if (outcome === refusal.conditionFailed) {
    commit.addResult(execution, index, hosted, key, resultStatus.failed, 0, conditionFailed(key.version));
  } else if (kind === operationKind.put) {
    commit.addPut(hosted, key, outcome, batch.values, batch.valueOffsets[index] as number, batch.valueOffsets[index + 1] as number);
    commit.addResult(execution, index, hosted, key, resultStatus.written, outcome, undefined);
  } else if (kind === operationKind.delete) {
    if (outcome > 0) commit.addDelete(hosted, key);
    const status = outcome > 0 ? resultStatus.deleted : resultStatus.nothingToDelete;
    commit.addResult(execution, index, hosted, key, status, Math.max(outcome, 0), undefined);
  } else {
    recordQuery(commit, execution, index, hosted, key, kind);
  }
}

/** A query that follows an update of its key by the same session: it sees that update, and is answered with it. */
function recordQuery(
  commit: Commit,
  execution: BatchExecution,
  index: number,
  hosted: HostedCanister,
  key: PendingKey,
  kind: number,
): void {
  if (key.version === 0) commit.addResult(execution, index, hosted, key, resultStatus.notFound, 0, undefined);
  else if (kind === operationKind.has) commit.addResult(execution, index, hosted, key, resultStatus.found, key.version, undefined);
  else {
    const place = { bytes: key.value as Uint8Array, start: key.valueStart, end: key.valueEnd };
    commit.addResult(execution, index, hosted, key, resultStatus.foundValue, key.version, place);
  }
}

/** What is needed to take one decision back. */
interface Undo {
  readonly key: PendingKey;
  readonly version: number;
  readonly entryBytes: number;
  readonly value: Uint8Array | undefined;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Decides the updates of an atomic batch that fall into one canister: all of them, or none. */
function decideUnit(group: UpdateGroup, first: number, size: number, commit: Commit, park: ParkOperations, nowMs: number): void {
  const hosted = group.canisters[first] as HostedCanister;
  const undos: Undo[] = [];
  const outcomes: number[] = [];
  let failedAt = -1;
  let failure: BigMapError | undefined;
  for (let i = first; i < first + size && failedAt < 0; i++) {
    const execution = group.executions[i] as BatchExecution;
    const key = group.keys[i] as PendingKey;
    undos.push({
      key,
      version: key.version,
      entryBytes: key.entryBytes,
      value: key.value,
      valueStart: key.valueStart,
      valueEnd: key.valueEnd,
    });
    const outcome =
      nowMs > execution.batch.deadlineMs ? deadlinePassed() : (key.failure ?? decide(execution, group.indexes[i] as number, hosted, key));
    outcomes.push(typeof outcome === "number" ? outcome : refusal.conditionFailed);
    if (typeof outcome === "number" && outcome !== refusal.conditionFailed && outcome !== refusal.full) continue;
    failedAt = i;
    if (outcome !== refusal.full) failure = typeof outcome === "number" ? conditionFailed(key.version) : outcome;
  }
  if (failedAt < 0) {
    for (let i = 0; i < size; i++) {
      const execution = group.executions[first + i] as BatchExecution;
      record(commit, execution, group.indexes[first + i] as number, hosted, group.keys[first + i] as PendingKey, outcomes[i] as number);
    }
    return;
  }
  undoAll(hosted, undos, outcomes);
  if (failure === undefined) parkFull(group, first, size, commit, park);
  else failUnit(group, first, size, commit, failedAt, failure);
}

function undoAll(hosted: HostedCanister, undos: readonly Undo[], outcomes: readonly number[]): void {
  for (let i = undos.length - 1; i >= 0; i--) {
    const undo = undos[i] as Undo;
    const { key } = undo;
    if ((outcomes[i] as number) > 0) {
      const entries = (key.version === 0 ? 0 : 1) - (undo.version === 0 ? 0 : 1);
      hosted.canister.undo(key.tokenHigh, entries, key.entryBytes - undo.entryBytes);
    }
    if (undo.version === 0) key.setAbsent();
    else key.setValue(undo.version, undo.entryBytes, undo.value, undo.valueStart, undo.valueEnd);
  }
}

function failUnit(group: UpdateGroup, first: number, size: number, commit: Commit, failedAt: number, failure: BigMapError): void {
  for (let i = first; i < first + size; i++) {
    const error =
      i === failedAt ? failure : new BigMapError("BATCH_ABORTED", `Nothing was applied: another update failed with ${failure.code}`);
    commit.addResult(
      group.executions[i] as BatchExecution,
      group.indexes[i] as number,
      group.canisters[i] as HostedCanister,
      group.keys[i] as PendingKey,
      resultStatus.failed,
      0,
      error,
    );
  }
}

/** At the hard cap: waits for a split, unless no split can help. */
function parkFull(group: UpdateGroup, first: number, size: number, commit: Commit, park: ParkOperations): void {
  const hosted = group.canisters[first] as HostedCanister;
  if (!isHelpless(group, first, size) && unitBytes(group, first, size) <= hosted.canister.capBytes) {
    // Whatever the last attempt to split found, with this update waiting there is a cut.
    hosted.canister.onlyToken = undefined;
    hosted.isFull = true;
    park(group, first, size);
    return;
  }
  const { canisterId, capBytes } = hosted.canister;
  const failure = new BigMapError("CANISTER_FULL", `Canister ${canisterId} would pass its cap of ${capBytes} B and no split can help`);
  failUnit(group, first, size, commit, first, failure);
}

/** Whether the unit's keys all sit on the one token that holds everything else in the canister too. */
function isHelpless(group: UpdateGroup, first: number, size: number): boolean {
  const only = (group.canisters[first] as HostedCanister).canister.onlyToken;
  if (only === undefined) return false;
  const keys = group.keys.slice(first, first + size);
  return keys.every((key) => key.tokenHigh === only.high && key.tokenLow === only.low);
}

/** What the puts of a unit count at most. */
function unitBytes(group: UpdateGroup, first: number, size: number): number {
  let bytes = 0;
  for (let i = first; i < first + size; i++) {
    const { batch } = group.executions[i] as BatchExecution;
    const index = group.indexes[i] as number;
    const key = group.keys[i] as PendingKey;
    if (kindOf(batch.operations[index] as number) !== operationKind.put) continue;
    bytes +=
      (batch.valueOffsets[index + 1] as number) -
      (batch.valueOffsets[index] as number) +
      key.keyEnd -
      key.keyStart +
      limits.entryOverheadBytes;
  }
  return bytes;
}

function conditionFailed(currentVersion: number): BigMapError {
  const state = currentVersion === 0 ? "there is no entry" : `the entry has version ${currentVersion}`;
  return new BigMapError("CONDITION_FAILED", `The condition does not hold: ${state}`, { currentVersion });
}

function deadlinePassed(): BigMapError {
  return new BigMapError("DEADLINE_EXCEEDED", "The deadline passed before the operation began");
}
