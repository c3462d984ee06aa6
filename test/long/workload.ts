import { sleep, systemClock } from "../../src/base/clock.js";
import { BigMapError } from "../../src/base/errors.js";
import { seededRandom, type Random } from "../../src/base/random.js";
import type { CallOptions } from "../../src/client/call-options.js";
import type { MapHandle } from "../../src/client/map-handle.js";
import type { History, Invocation, Operation, Outcome } from "../check/history.js";
import { idOfValue, valueOfId } from "./labelled-value.js";

export interface WorkloadOptions {
  readonly seed: number;
  readonly callers: number;
  /** Keys on which all callers work. */
  readonly sharedKeys: number;
  /** Keys of each caller that no other touches. */
  readonly ownKeysPerCaller: number;
  /** Keys whose value is a number that callers raise by conditional writes. */
  readonly counters: number;
  readonly valueMaxBytes: number;
}

interface Call {
  readonly map: MapHandle<string, string>;
  readonly caller: number;
  readonly label: string;
  readonly random: Random;
  readonly giveUp: AbortSignal | undefined;
}

/** A refused caller waits so long before it asks again. */
const pauseMs = 20;

/** Callers that get, put, delete, and write conditionally, on shared and on own keys, and record everything in a history. */
export class Workload {
  readonly #history: History;
  readonly #options: WorkloadOptions;
  readonly #onOperation: (operation: Operation) => void;
  /** Versions that some caller saw, for conditions; may be old, then the condition fails. */
  readonly #seenVersions = new Map<string, number>();
  #serial = 0;

  constructor(history: History, options: WorkloadOptions, onOperation: (operation: Operation) => void = () => undefined) {
    this.#history = history;
    this.#options = options;
    this.#onOperation = onOperation;
  }

  /**
   * Runs all callers until the signal `until` is aborted and every call under way has ended; `giveUp` ends those at once.
   * `label` starts the names of the own keys.
   */
  async run(map: MapHandle<string, string>, label: string, until: AbortSignal, giveUp?: AbortSignal): Promise<void> {
    const { seed, callers } = this.#options;
    const loops = Array.from({ length: callers }, (_, caller) => {
      const random = seededRandom(seed + 7919 * caller + this.#serial);
      return this.#callerLoop({ map, caller, label, random, giveUp }, until);
    });
    await Promise.all(loops);
  }

  /** One read, recorded like those of the callers. */
  async read(map: MapHandle<string, string>, key: string): Promise<Operation> {
    return this.#ask(map, { caller: -1, key, kind: "get" });
  }

  async #callerLoop(call: Call, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      const operation = await this.#step(call);
      const { kind } = operation.outcome;
      if (kind === "failed" || kind === "unknown") await sleep(systemClock, pauseMs, until).catch(() => undefined);
    }
  }

  async #step(call: Call): Promise<Operation> {
    const { caller, random } = call;
    const { counters, sharedKeys, ownKeysPerCaller } = this.#options;
    const choice = random.below(10);
    if (choice === 0 && counters > 0) return this.#raiseCounter(call, `counter-${random.below(counters)}`);
    const key = choice <= 5 ? `shared-${random.below(sharedKeys)}` : `${call.label}-${caller}-${random.below(ownKeysPerCaller)}`;
    return this.#ask(call.map, this.#draw(caller, key, random), call.giveUp);
  }

  #draw(caller: number, key: string, random: Random): Invocation {
    const choice = random.below(16);
    const target = { caller, key };
    if (choice < 4) return { ...target, kind: "get" };
    if (choice < 5) return { ...target, kind: "has" };
    const seenVersion = this.#seenVersions.get(key);
    const conditions = { ...target, ...(seenVersion === undefined || random.below(3) > 0 ? {} : { ifVersion: seenVersion }) };
    if (choice < 8) return { ...conditions, kind: "delete" };
    const put = { kind: "put", value: `${caller}.${this.#serial++}.${1 + random.below(this.#options.valueMaxBytes)}` } as const;
    return choice < 10 ? { ...target, ...put, ifAbsent: true } : { ...conditions, ...put };
  }

  async #raiseCounter({ map, caller, giveUp }: Call, key: string): Promise<Operation> {
    const read = await this.#ask(map, { caller, key, kind: "get" }, giveUp);
    const { outcome } = read;
    if (outcome.kind !== "found" && outcome.kind !== "absent") return read;
    const count = outcome.kind === "found" ? counterOf(outcome.value) : 0;
    const condition = outcome.kind === "found" ? { ifVersion: outcome.version } : { ifAbsent: true };
    return this.#ask(map, { caller, key, kind: "put", value: `${count + 1}.${caller}.${this.#serial++}.1`, ...condition }, giveUp);
  }

  // A caller whose server was killed does not wait for its timeout: the signal ends the call.
  async #ask(map: MapHandle<string, string>, invocation: Invocation, signal?: AbortSignal): Promise<Operation> {
    const operation = await this.#history.record(invocation, () => carryOut(map, invocation, signal === undefined ? {} : { signal }));
    if (operation === undefined) throw new BigMapError("INTERNAL", "The history was sealed while a call was under way");
    const { outcome } = operation;
    if (outcome.kind === "found" || outcome.kind === "written") this.#seenVersions.set(operation.key, outcome.version);
    this.#onOperation(operation);
    return operation;
  }
}

/** The number in a counter's value. */
export function counterOf(valueId: string): number {
  return Number(valueId.split(".")[0]);
}

async function carryOut(map: MapHandle<string, string>, invocation: Invocation, call: CallOptions): Promise<Outcome> {
  const { kind, key, value, ifAbsent, ifVersion } = invocation;
  const terms = { ...call, ...(ifAbsent === undefined ? {} : { ifAbsent }), ...(ifVersion === undefined ? {} : { ifVersion }) };
  switch (kind) {
    case "get": {
      const entry = await map.getEntry(key, call);
      return entry === undefined ? { kind: "absent" } : { kind: "found", value: idOfValue(entry.value), version: entry.version };
    }
    case "has":
      return { kind: (await map.has(key, call)) ? "present" : "absent" };
    case "put":
      return { kind: "written", version: await map.put(key, valueOfId(value ?? ""), terms) };
    case "delete":
      return { kind: (await map.delete(key, terms)) ? "deleted" : "nothing-to-delete" };
  }
}
