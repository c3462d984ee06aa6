import type { Operation } from "./history.js";
import { conditionHolds, queryFits, someVersion, type EntryVersion, type RegisterHistory } from "./register-history.js";

/** One possible past of a register: its state now, and which of the operations under way have already taken effect. */
export class Configuration {
  /** State of the entry. */
  readonly version: EntryVersion;
  /** The largest version given so far. */
  readonly floor: number;
  /** Place of the next pinned put; those before it have taken effect. */
  readonly nextPut: number;
  /** Queries and removals that took effect and are not completed yet. */
  readonly #done: Set<number>;
  /** Updates of unknown outcome that took effect. */
  readonly #used: ReadonlySet<number>;

  constructor(version: EntryVersion = 0, floor = 0, nextPut = 0, done: Iterable<number> = [], used: ReadonlySet<number> = new Set()) {
    this.version = version;
    this.floor = floor;
    this.nextPut = nextPut;
    this.#done = new Set(done);
    this.#used = used;
  }

  /** Queries that fit the state take effect now. */
  absorbQueries(pending: Iterable<Operation>, history: RegisterHistory): this {
    for (const operation of pending) {
      if (history.roleOf.get(operation.id) === "query" && queryFits(operation, this.version)) this.#done.add(operation.id);
    }
    return this;
  }

  hasDone(operation: Operation, history: RegisterHistory): boolean {
    const place = history.pinnedIndexOf.get(operation.id);
    return place === undefined ? this.#done.has(operation.id) : place < this.nextPut;
  }

  hasUsed(operation: Operation): boolean {
    return this.#used.has(operation.id);
  }

  /** The operation has completed: whether it took effect need not be remembered any longer. */
  forget(operationId: number): Configuration {
    const without = (ids: ReadonlySet<number>): Set<number> => new Set([...ids].filter((id) => id !== operationId));
    return new Configuration(this.version, this.floor, this.nextPut, without(this.#done), without(this.#used));
  }

  afterPinned(version: number): Configuration {
    return new Configuration(version, version, this.nextPut + 1, this.#done, this.#used);
  }

  afterRemoval(operation: Operation): Configuration {
    return new Configuration(0, this.#floorAfter(operation), this.nextPut, [...this.#done, operation.id], this.#used);
  }

  /** An update of unknown outcome takes effect. */
  afterOption(operation: Operation): Configuration {
    const version = operation.kind === "delete" ? 0 : someVersion;
    return new Configuration(version, this.#floorAfter(operation), this.nextPut, this.#done, new Set([...this.#used, operation.id]));
  }

  /** The unknown version turns out to be `version`. */
  settle(version: number): Configuration {
    return new Configuration(version, version, this.nextPut, this.#done, this.#used);
  }

  usesNoMoreThan(other: Configuration): boolean {
    if (this.#used.size > other.#used.size) return false;
    for (const id of this.#used) if (!other.#used.has(id)) return false;
    return true;
  }

  get usedCount(): number {
    return this.#used.size;
  }

  /** Equal for configurations that differ in the used updates only. */
  identity(): string {
    return `${this.version} ${this.floor} ${this.nextPut} ${[...this.#done].sort((left, right) => left - right).join(",")}`;
  }

  describe(): string {
    if (this.version === 0) return "absent";
    return this.version === someVersion ? "there by a put of unknown outcome" : `at version ${this.version}`;
  }

  #floorAfter(operation: Operation): number {
    return this.version === someVersion && operation.ifVersion !== undefined ? operation.ifVersion : this.floor;
  }
}

/**
 * All configurations in which `target` has taken effect, as early as possible, reached from the given ones; where target is
 * of unknown outcome, the given ones as well.
 */
export function carryOn(
  from: readonly Configuration[],
  target: Operation,
  pending: ReadonlyMap<number, Operation>,
  history: RegisterHistory,
): Configuration[] {
  const isOption = history.roleOf.get(target.id) === "option";
  const reached = new Frontier();
  if (isOption) from.forEach((configuration) => reached.add(configuration));
  const seen = new Frontier();
  // Few used options first, so that the rest is dropped as soon as it appears.
  const waiting = new Map<number, Configuration[]>();
  const push = (configuration: Configuration): void => {
    if (!seen.add(configuration)) return;
    const level = waiting.get(configuration.usedCount);
    if (level === undefined) waiting.set(configuration.usedCount, [configuration]);
    else level.push(configuration);
  };
  from.forEach(push);
  while (waiting.size > 0) {
    const level = Math.min(...waiting.keys());
    const configuration = waiting.get(level)?.pop();
    if (configuration === undefined) waiting.delete(level);
    else if (isOption ? configuration.hasUsed(target) : configuration.hasDone(target, history)) reached.add(configuration);
    else for (const next of successorsOf(configuration, pending, history)) push(next.absorbQueries(pending.values(), history));
  }
  return reached.all();
}

/** Configurations, each kept unless an equal one that used no more of the unknown updates is there. */
class Frontier {
  readonly #groups = new Map<string, Configuration[]>();

  add(configuration: Configuration): boolean {
    const identity = configuration.identity();
    const group = this.#groups.get(identity);
    if (group === undefined) this.#groups.set(identity, [configuration]);
    else if (group.some((other) => other.usesNoMoreThan(configuration))) return false;
    else group.push(configuration);
    return true;
  }

  all(): Configuration[] {
    return [...this.#groups.values()].flat();
  }
}

function successorsOf(configuration: Configuration, pending: ReadonlyMap<number, Operation>, history: RegisterHistory): Configuration[] {
  const successors: Configuration[] = [];
  const put = history.pinned[configuration.nextPut];
  if (put !== undefined && pending.has(put.operation.id) && put.version > configuration.floor) {
    if (fits(put.operation, configuration, history)) successors.push(configuration.afterPinned(put.version));
  }
  for (const removal of firstOfEachKind(pending, configuration, history, "removal")) {
    if (configuration.version !== 0 && fits(removal, configuration, history)) successors.push(configuration.afterRemoval(removal));
  }
  for (const option of firstOfEachKind(pending, configuration, history, "option")) {
    if (option.kind === "delete" && configuration.version === 0) continue;
    if (fits(option, configuration, history)) successors.push(configuration.afterOption(option));
  }
  return configuration.version === someVersion ? [...successors, ...settlements(configuration, pending, history)] : successors;
}

// An unknown version that an update names in its condition must be a possible one.
function fits(operation: Operation, configuration: Configuration, history: RegisterHistory): boolean {
  if (!conditionHolds(operation, configuration.version, history)) return false;
  const isSettled = configuration.version !== someVersion || operation.ifVersion === undefined;
  return isSettled || isPossibleVersion(operation.ifVersion, configuration, history);
}

function isPossibleVersion(version: number | undefined, configuration: Configuration, history: RegisterHistory): version is number {
  if (version === undefined || version <= configuration.floor || history.pinnedVersions.has(version)) return false;
  return version < (history.pinned[configuration.nextPut]?.version ?? Infinity);
}

/** Answers "the version is v" of pending queries to an entry whose version is unknown settle it. */
function settlements(configuration: Configuration, pending: ReadonlyMap<number, Operation>, history: RegisterHistory): Configuration[] {
  const versions = new Set<number>();
  for (const { outcome } of pending.values()) {
    if (outcome.kind === "condition-failed" && isPossibleVersion(outcome.currentVersion, configuration, history)) {
      versions.add(outcome.currentVersion);
    }
  }
  return [...versions].map((version) => configuration.settle(version));
}

/** Of the pending operations of a role that have not taken effect: of each kind and condition the one to be completed first. */
function firstOfEachKind(
  pending: ReadonlyMap<number, Operation>,
  configuration: Configuration,
  history: RegisterHistory,
  role: "removal" | "option",
): Iterable<Operation> {
  const first = new Map<string, Operation>();
  for (const operation of pending.values()) {
    if (history.roleOf.get(operation.id) !== role) continue;
    if (configuration.hasUsed(operation) || configuration.hasDone(operation, history)) continue;
    const kind = `${operation.kind} ${operation.ifAbsent === true ? "ifAbsent" : (operation.ifVersion ?? "always")}`;
    const known = first.get(kind);
    if (known === undefined || operation.completed < known.completed) first.set(kind, operation);
  }
  return first.values();
}
