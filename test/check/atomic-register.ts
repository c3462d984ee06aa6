import { seededRandom, type Random } from "../../src/base/random.js";
import type { Invocation, Operation, Outcome } from "./history.js";

/** A register that is right by construction: each call takes effect in one step. */
export class AtomicRegister {
  #value = "";
  #version = 0;
  #lastVersion = 0;

  apply(invocation: Invocation, versionStep = 1): Outcome {
    const fails = invocation.ifAbsent === true ? this.#version !== 0 : (invocation.ifVersion ?? this.#version) !== this.#version;
    if (fails) return { kind: "condition-failed", currentVersion: this.#version };
    switch (invocation.kind) {
      case "get":
        return this.#version === 0 ? { kind: "absent" } : { kind: "found", value: this.#value, version: this.#version };
      case "has":
        return { kind: this.#version === 0 ? "absent" : "present" };
      case "put":
        this.#value = invocation.value ?? "";
        this.#version = this.#lastVersion += versionStep;
        return { kind: "written", version: this.#version };
      case "delete": {
        const wasThere = this.#version !== 0;
        this.#version = 0;
        return { kind: wasThere ? "deleted" : "nothing-to-delete" };
      }
    }
  }
}

export interface GeneratedHistoryOptions {
  readonly seed: number;
  readonly operations: number;
  readonly callers: number;
  /** Part of the updates whose caller learns nothing. */
  readonly unknownRatio: number;
  readonly versionStep?: number;
  /** The server dies at the end: what it has not done by then, it never does; two reads follow. */
  readonly sealed?: boolean;
}

interface Call {
  readonly invocation: Invocation;
  readonly id: number;
  readonly invoked: number;
  isLost: boolean;
  outcome: Outcome | undefined;
}

/** A valid history: callers overlap at random, and each call takes effect at a random moment between its two events. */
export function generateHistory(options: GeneratedHistoryOptions): Operation[] {
  const random = seededRandom(options.seed);
  const register = new AtomicRegister();
  const open: (Call | undefined)[] = Array.from({ length: options.callers });
  const abandoned: Call[] = [];
  const finished: Operation[] = [];
  let events = 0;
  let started = 0;
  let lastSeenVersion = 0;
  while (started < options.operations || open.some((call) => call !== undefined)) {
    const caller = random.below(options.callers);
    const call = open[caller];
    if (call === undefined) {
      if (started >= options.operations) continue;
      const invocation = drawInvocation(random, caller, started, lastSeenVersion);
      const isLost = isUpdate(invocation) && random.unit() < options.unknownRatio;
      open[caller] = { invocation, id: started++, invoked: events++, isLost, outcome: undefined };
    } else if (call.outcome === undefined && random.unit() < 0.6) {
      if (call.isLost && random.unit() < 0.5) {
        // The caller gives up before the call took effect; it may still do so later.
        abandoned.push(call);
        open[caller] = undefined;
      } else call.outcome = register.apply(call.invocation, options.versionStep);
    } else if (call.outcome !== undefined) {
      if (call.outcome.kind === "found" || call.outcome.kind === "written") lastSeenVersion = call.outcome.version;
      if (call.isLost) abandoned.push(call);
      else finished.push(operationOf(call, call.outcome, events++));
      open[caller] = undefined;
    }
    const late = abandoned[random.below(Math.max(1, abandoned.length))];
    const isNow = random.unit() < 0.05;
    if (late !== undefined && late.outcome === undefined && isNow) late.outcome = register.apply(late.invocation, options.versionStep);
  }
  const completed = options.sealed === true ? events++ : Infinity;
  const unknown = abandoned.map((call) => operationOf(call, { kind: "unknown", code: "OUTCOME_UNKNOWN" }, completed));
  for (let i = 0; options.sealed === true && i < 2; i++) {
    const invocation = { caller: 0, key: "k", kind: "get" } as const;
    const read = { invocation, id: started++, invoked: events++, isLost: false, outcome: undefined };
    finished.push(operationOf(read, register.apply(invocation), events++));
  }
  return [...finished, ...unknown].sort((left, right) => left.invoked - right.invoked);
}

function isUpdate(invocation: Invocation): boolean {
  return invocation.kind === "put" || invocation.kind === "delete";
}

function drawInvocation(random: Random, caller: number, serial: number, lastSeenVersion: number): Invocation {
  const kind = (["get", "get", "has", "put", "put", "delete"] as const)[random.below(6)] ?? "get";
  const base = { caller, key: "k", kind, ...(kind === "put" ? { value: `v${serial}` } : {}) };
  if (!isUpdate(base)) return base;
  const condition = random.below(4);
  if (condition === 0 && kind === "put") return { ...base, ifAbsent: true };
  return condition === 1 && lastSeenVersion > 0 ? { ...base, ifVersion: lastSeenVersion } : base;
}

function operationOf(call: Call, outcome: Outcome, completed: number): Operation {
  return { ...call.invocation, id: call.id, invoked: call.invoked, completed, invokedMs: call.invoked, durationMs: 1, outcome };
}
