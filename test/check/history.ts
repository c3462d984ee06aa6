import type { Clock } from "../../src/base/clock.js";
import { BigMapError } from "../../src/base/errors.js";

/** What a caller asked for. Values must be unique per key among its puts: a read then names the put that it saw. */
export interface Invocation {
  readonly caller: number;
  readonly key: string;
  readonly kind: "get" | "has" | "put" | "delete";
  /** Only with a put. */
  readonly value?: string;
  readonly ifAbsent?: boolean;
  readonly ifVersion?: number;
}

/** What the caller learned. */
export type Outcome =
  | { readonly kind: "found"; readonly value: string; readonly version: number }
  | { readonly kind: "present" }
  | { readonly kind: "absent" }
  | { readonly kind: "written"; readonly version: number }
  | { readonly kind: "deleted" }
  | { readonly kind: "nothing-to-delete" }
  /** The entry's version at that moment, 0: absent. */
  | { readonly kind: "condition-failed"; readonly currentVersion: number | undefined }
  /** Refused: nothing was done. */
  | { readonly kind: "failed"; readonly code: string }
  /** It took effect at some time between its invocation and its completion, or never does. */
  | { readonly kind: "unknown"; readonly code: string };

/** One operation from its invocation to its completion. */
export interface Operation extends Invocation {
  readonly id: number;
  /**
   * Places in the total order of all invocations and completions of the history. An operation of unknown outcome may take
   * effect long after its caller gave up: its completion is Infinity, unless the history was sealed.
   */
  readonly invoked: number;
  readonly completed: number;
  readonly invokedMs: number;
  readonly durationMs: number;
  readonly outcome: Outcome;
}

interface Pending {
  readonly invocation: Invocation;
  readonly invoked: number;
  readonly invokedMs: number;
}

/**
 * Records what callers of one process asked and learned. The order of `invoke` and `complete` calls is the real-time
 * order, so two callers whose calls do not overlap in it did not overlap in truth either.
 */
export class History {
  readonly #clock: Clock;
  readonly #completed: Operation[] = [];
  readonly #pending = new Map<number, Pending>();
  /** Places of the unknown operations since the last seal. */
  #open: number[] = [];
  #events = 0;
  #nextId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#completed.length + this.#pending.size;
  }

  /** To be called before the operation is sent. Returns its id. */
  invoke(invocation: Invocation): number {
    const id = this.#nextId++;
    this.#pending.set(id, { invocation, invoked: this.#events++, invokedMs: this.#clock.monotonicMs() });
    return id;
  }

  /** To be called when the answer is there, in the same turn. */
  complete(id: number, outcome: Outcome): Operation | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    const operation = finish(id, pending, outcome, this.#events++, this.#clock.monotonicMs());
    if (outcome.kind === "unknown") this.#open.push(this.#completed.length);
    this.#completed.push(operation);
    return operation;
  }

  /**
   * The server that was asked is gone: what it has not done by now, it never will. To be called when every operation was
   * completed or given up.
   */
  seal(): void {
    for (const id of [...this.#pending.keys()]) this.complete(id, { kind: "unknown", code: "PENDING" });
    const completed = this.#events++;
    for (const index of this.#open) {
      const operation = this.#completed[index];
      if (operation !== undefined) this.#completed[index] = { ...operation, completed };
    }
    this.#open = [];
  }

  /** Runs one operation and records it. Errors are outcomes; only defects of the harness are thrown. */
  async record(invocation: Invocation, run: () => Promise<Outcome>): Promise<Operation | undefined> {
    const id = this.invoke(invocation);
    const outcome = await run().catch(outcomeOfError);
    return this.complete(id, outcome);
  }

  /** All operations in the order of their invocation; those still pending count as unknown. */
  operations(): Operation[] {
    const now = this.#clock.monotonicMs();
    const open = [...this.#pending].map(([id, pending]) => finish(id, pending, { kind: "unknown", code: "PENDING" }, Infinity, now));
    return [...this.#completed, ...open].sort((left, right) => left.invoked - right.invoked);
  }

  toJsonLines(): string {
    return this.operations()
      .map((operation) => `${JSON.stringify(operation)}\n`)
      .join("");
  }
}

export function parseJsonLines(text: string): Operation[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const operation = JSON.parse(line) as Operation;
      // JSON writes Infinity as null.
      return { ...operation, completed: operation.completed ?? Infinity };
    });
}

/** Operations of each key, in the order of their invocation. */
export function byKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const groups = new Map<string, Operation[]>();
  for (const operation of operations) {
    const group = groups.get(operation.key);
    if (group === undefined) groups.set(operation.key, [operation]);
    else group.push(operation);
  }
  return groups;
}

export function outcomeOfError(error: unknown): Outcome {
  const { code, retry, currentVersion } = BigMapError.from(error);
  if (code === "CONDITION_FAILED") return { kind: "condition-failed", currentVersion };
  // INTERNAL may also be an error that nobody foresaw: it proves nothing about what was done.
  return retry === "outcome unknown" || code === "INTERNAL" ? { kind: "unknown", code } : { kind: "failed", code };
}

function finish(id: number, pending: Pending, outcome: Outcome, completed: number, nowMs: number): Operation {
  return {
    ...pending.invocation,
    id,
    invoked: pending.invoked,
    completed: outcome.kind === "unknown" ? Infinity : completed,
    invokedMs: pending.invokedMs,
    durationMs: nowMs - pending.invokedMs,
    outcome,
  };
}
