import type { Operation } from "./history.js";

/**
 * The definition of linearizability, tried out: every order of the operations that respects real time, every choice of the
 * unknown ones, every version that an unknown put could have had. For a handful of operations only; shares nothing with
 * the checker it judges.
 */
export function isLinearizableByDefinition(all: readonly Operation[]): boolean {
  const operations = all.filter((operation) => operation.outcome.kind !== "failed");
  return canOrder(operations, { value: "", version: 0, last: 0 }, mentionedVersions(operations));
}

interface Register {
  readonly value: string;
  readonly version: number;
  readonly last: number;
}

function canOrder(left: readonly Operation[], state: Register, versions: readonly number[]): boolean {
  if (left.length === 0) return true;
  const mustStartBefore = Math.min(...left.map((operation) => operation.completed));
  for (const operation of left) {
    if (operation.invoked > mustStartBefore) continue;
    const rest = left.filter((other) => other !== operation);
    const states = nextStates(operation, state, versions);
    if (operation.outcome.kind === "unknown") states.push(state);
    if (states.some((next) => canOrder(rest, next, versions))) return true;
  }
  return false;
}

/** States after the operation, for each way in which its answer is right in this state; none where it is wrong. */
function nextStates(operation: Operation, state: Register, versions: readonly number[]): Register[] {
  const { outcome } = operation;
  const isRefused = operation.ifAbsent === true ? state.version > 0 : (operation.ifVersion ?? state.version) !== state.version;
  const isUnknown = outcome.kind === "unknown";
  if (isRefused) {
    const tells = outcome.kind === "condition-failed" && (outcome.currentVersion ?? state.version) === state.version;
    return isUnknown || tells ? [state] : [];
  }
  const isThere = state.version > 0;
  switch (operation.kind) {
    case "get": {
      const isRight = outcome.kind === "found" ? outcome.version === state.version && outcome.value === state.value : false;
      return isUnknown || (isThere ? isRight : outcome.kind === "absent") ? [state] : [];
    }
    case "has":
      return isUnknown || outcome.kind === (isThere ? "present" : "absent") ? [state] : [];
    case "delete":
      return isUnknown || outcome.kind === (isThere ? "deleted" : "nothing-to-delete") ? [{ ...state, version: 0 }] : [];
    case "put": {
      const possible = isUnknown ? [...versions, state.last + 1] : outcome.kind === "written" ? [outcome.version] : [];
      const growing = possible.filter((version) => version > state.last);
      return growing.map((version) => ({ value: operation.value ?? "", version, last: version }));
    }
  }
}

function mentionedVersions(operations: readonly Operation[]): number[] {
  const versions = operations.flatMap(({ outcome, ifVersion }) => {
    const told = outcome.kind === "found" || outcome.kind === "written" ? outcome.version : undefined;
    const current = outcome.kind === "condition-failed" ? outcome.currentVersion : undefined;
    return [told, current, ifVersion].filter((version) => version !== undefined);
  });
  return [...new Set(versions)];
}
