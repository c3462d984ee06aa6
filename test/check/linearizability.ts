/**
 * Is the recorded history of one key linearizable? The key is a register with get, has, put, delete and conditional
 * updates; each put has a version, versions grow in the order of effect; an operation of unknown outcome may take effect
 * at any time between its invocation and its completion (which is the end of time, or the death of the server), or never.
 *
 * The search is that of Wing & Gong ("Testing and verifying concurrent objects", JPDC 1993) in the just-in-time form of
 * Lowe ("Testing for linearizability", CCPE 2017): the events are read in order, and only when an operation completes
 * must each configuration (state, operations that took effect) be carried on until that operation has taken effect.
 * Equal configurations are kept once. Facts about registers keep the set small (in the spirit of Gibbons & Korach,
 * "Testing shared memories", SIAM J. Comput. 1997):
 *
 *   - a query changes nothing, so it takes effect at the first state that fits, and nothing is lost by that;
 *   - versions fix the order of all puts that somebody saw, so there is one candidate for the next put;
 *   - of deletes with equal conditions the one that completes first goes first; of updates of unknown outcome with equal
 *     conditions any will do;
 *   - a configuration that used more of the unknown updates than another, and is else equal, is dropped.
 */
import type { Operation } from "./history.js";
import { Configuration, carryOn } from "./configuration.js";
import { readRegisterHistory, type RegisterHistory } from "./register-history.js";

export interface Violation {
  readonly key: string;
  readonly message: string;
  /** The operation whose answer nothing explains. */
  readonly operation: Operation;
  /** It, what overlapped it, and what completed shortly before, in the order of invocation. */
  readonly around: readonly Operation[];
}

const shownBefore = 12;

/** The first violation in one key's operations (in the order of invocation); undefined where there is none. */
export function findViolation(operations: readonly Operation[]): Violation | undefined {
  const history = readRegisterHistory(operations);
  if ("message" in history) return violation(operations, history.operation, history.message);
  let configurations = [new Configuration()];
  const pending = new Map<number, Operation>();
  for (const event of eventsOf(history)) {
    const { operation } = event;
    if (event.isInvocation) {
      pending.set(operation.id, operation);
      for (const configuration of configurations) configuration.absorbQueries([operation], history);
      continue;
    }
    const next = carryOn(configurations, operation, pending, history);
    if (next.length === 0) return violation(operations, operation, unexplained(operation, configurations));
    pending.delete(operation.id);
    configurations = next.map((configuration) => configuration.forget(operation.id));
  }
  return undefined;
}

/** Violations of all keys. */
export function findViolations(groups: ReadonlyMap<string, readonly Operation[]>): Violation[] {
  return [...groups.values()].flatMap((operations) => {
    const found = findViolation(operations);
    return found === undefined ? [] : [found];
  });
}

/** For people: the message and the operations around it, one a line. */
export function formatViolation({ key, message, operation, around }: Violation): string {
  const lines = around.map((each) => `${each === operation ? "  > " : "    "}${formatOperation(each)}`);
  return [`key ${key}: ${message}`, ...lines].join("\n");
}

interface HistoryEvent {
  readonly at: number;
  readonly isInvocation: boolean;
  readonly operation: Operation;
}

function eventsOf(history: RegisterHistory): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  for (const operation of history.operations) {
    events.push({ at: operation.invoked, isInvocation: true, operation });
    if (operation.completed !== Infinity) events.push({ at: operation.completed, isInvocation: false, operation });
  }
  return events.sort((left, right) => left.at - right.at);
}

function unexplained(operation: Operation, configurations: readonly Configuration[]): string {
  const states = [...new Set(configurations.map((configuration) => configuration.describe()))].slice(0, 4).join(" or ");
  return `the answer "${formatOutcome(operation)}" to ${operation.kind} fits no order; before it the entry was ${states}`;
}

function violation(operations: readonly Operation[], operation: Operation, message: string): Violation {
  const overlapping = operations.filter((each) => each.invoked < operation.completed && each.completed > operation.invoked);
  const earlier = operations.filter((each) => each.completed <= operation.invoked);
  const before = earlier.sort((left, right) => left.completed - right.completed);
  const around = [...new Set([...before.slice(-shownBefore), ...overlapping.slice(0, 4 * shownBefore), operation])];
  return { key: operation.key, message, operation, around: around.sort((left, right) => left.invoked - right.invoked) };
}

function formatOperation(operation: Operation): string {
  const ifVersion = operation.ifVersion === undefined ? "" : ` ifVersion ${operation.ifVersion}`;
  const condition = operation.ifAbsent === true ? " ifAbsent" : ifVersion;
  const value = operation.value === undefined ? "" : ` ${operation.value}`;
  const span = `[${operation.invoked}, ${operation.completed === Infinity ? "..." : operation.completed}]`;
  return `${span} caller ${operation.caller}: ${operation.kind}${value}${condition} -> ${formatOutcome(operation)}`;
}

function formatOutcome({ outcome }: Operation): string {
  switch (outcome.kind) {
    case "found":
      return `${outcome.value} at version ${outcome.version}`;
    case "written":
      return `written at version ${outcome.version}`;
    case "condition-failed":
      return `condition failed, version is ${outcome.currentVersion ?? "not told"}`;
    case "failed":
    case "unknown":
      return `${outcome.kind} (${outcome.code})`;
    case "present":
    case "absent":
    case "deleted":
    case "nothing-to-delete":
      return outcome.kind;
  }
}
