import type { Operation, Outcome } from "./history.js";

/** The entry's version is not known: it was written by a put of unknown outcome that nobody read. */
export const someVersion = -1;

/** State of one entry: 0 absent, `someVersion`, or the version of the put that wrote it. */
export type EntryVersion = number;

/**
 * How the search treats an operation:
 *   query    changes nothing; must see a state that fits its answer
 *   pinned   a put whose version is known, from its own answer or because somebody read it; it certainly took effect
 *   removal  a delete that answered "deleted"
 *   option   an update of unknown outcome that nobody saw: it may have taken effect or not
 */
export type Role = "query" | "pinned" | "removal" | "option";

export interface RegisterHistory {
  /** In the order of invocation; refused operations are left out. */
  readonly operations: readonly Operation[];
  readonly roleOf: ReadonlyMap<number, Role>;
  /** The pinned puts in the order of their versions, which is the order in which they took effect. */
  readonly pinned: readonly PinnedPut[];
  /** Place in `pinned` by operation id. */
  readonly pinnedIndexOf: ReadonlyMap<number, number>;
  readonly pinnedVersions: ReadonlySet<number>;
}

export interface PinnedPut {
  readonly operation: Operation;
  readonly version: number;
}

export interface Contradiction {
  readonly operation: Operation;
  readonly message: string;
}

/** Sorts one key's operations into roles, or names an answer that no order of the operations could explain. */
export function readRegisterHistory(all: readonly Operation[]): RegisterHistory | Contradiction {
  const operations = all.filter((operation) => operation.outcome.kind !== "failed" && !isUnknownQuery(operation));
  const putOfValue = new Map(all.filter(isPut).map((put) => [put.value, put]));
  const versions = new Map<number, PinnedPut>();
  const pin = (put: Operation, version: number, observer: Operation): Contradiction | undefined => {
    const known = versions.get(version);
    if (known !== undefined && known.operation !== put) return { operation: observer, message: `version ${version} belongs to two puts` };
    versions.set(version, { operation: put, version });
    return undefined;
  };
  for (const operation of operations) {
    const contradiction = pinOf(operation, putOfValue, pin);
    if (contradiction !== undefined) return contradiction;
  }
  const pinned = [...versions.values()].sort((left, right) => left.version - right.version);
  const pinnedIndexOf = new Map(pinned.map((put, i) => [put.operation.id, i]));
  const twice = pinned.find((put, i) => pinnedIndexOf.get(put.operation.id) !== i);
  if (twice !== undefined) return { operation: twice.operation, message: `one put has two versions, one of them ${twice.version}` };
  const roleOf = new Map(operations.map((operation) => [operation.id, roleIn(operation, pinnedIndexOf)]));
  return { operations, roleOf, pinned, pinnedIndexOf, pinnedVersions: new Set(versions.keys()) };
}

type Pin = (put: Operation, version: number, observer: Operation) => Contradiction | undefined;

function pinOf(operation: Operation, putOfValue: ReadonlyMap<string | undefined, Operation>, pin: Pin): Contradiction | undefined {
  const { outcome } = operation;
  if (outcome.kind === "written") return pin(operation, outcome.version, operation);
  if (outcome.kind !== "found") return undefined;
  const put = putOfValue.get(outcome.value);
  if (put === undefined) return { operation, message: `read the value ${outcome.value}, which nobody put` };
  if (didNothing(put.outcome)) return { operation, message: `read the value ${outcome.value} of a put that was refused` };
  return pin(put, outcome.version, operation);
}

function didNothing(outcome: Outcome): boolean {
  return outcome.kind === "failed" || outcome.kind === "condition-failed";
}

function isPut(operation: Operation): boolean {
  return operation.kind === "put";
}

function isUnknownQuery(operation: Operation): boolean {
  return operation.outcome.kind === "unknown" && (operation.kind === "get" || operation.kind === "has");
}

function roleIn(operation: Operation, pinnedIndexOf: ReadonlyMap<number, number>): Role {
  if (pinnedIndexOf.has(operation.id)) return "pinned";
  if (operation.outcome.kind === "unknown") return "option";
  return operation.outcome.kind === "deleted" ? "removal" : "query";
}

/** Whether the state fits the operation's condition, or can be made to fit by settling the unknown version. */
export function conditionHolds(operation: Operation, version: EntryVersion, history: RegisterHistory): boolean {
  if (operation.ifAbsent === true) return version === 0;
  if (operation.ifVersion === undefined) return true;
  return version === operation.ifVersion || (version === someVersion && !history.pinnedVersions.has(operation.ifVersion));
}

/** Whether a query's answer is right in this state, without settling anything. */
export function queryFits(operation: Operation, version: EntryVersion): boolean {
  const { outcome } = operation;
  switch (outcome.kind) {
    case "found":
      return version === outcome.version;
    case "present":
      return version !== 0;
    case "absent":
      return version === 0;
    case "nothing-to-delete":
      // With ifVersion the condition would have failed instead.
      return version === 0 && operation.ifVersion === undefined;
    case "condition-failed":
      return failureFits(operation, version, outcome.currentVersion);
    default:
      return false;
  }
}

function failureFits(operation: Operation, version: EntryVersion, currentVersion: number | undefined): boolean {
  if (currentVersion !== undefined && currentVersion !== version) return false;
  return operation.ifAbsent === true ? version !== 0 : version !== operation.ifVersion;
}
