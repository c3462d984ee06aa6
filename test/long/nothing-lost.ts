import { setMaxListeners } from "node:events";
import { systemClock } from "../../src/base/clock.js";
import { assert } from "../../src/base/errors.js";
import { faultPointNames, type FaultPointName } from "../../src/base/fault-points.js";
import { seededRandom, type Random } from "../../src/base/random.js";
import { BigMap } from "../../src/client/bigmap.js";
import { bytes, utf8 } from "../../src/client/codec.js";
import type { CanisterStatus } from "../../src/ring/topology.js";
import { byKey, History } from "../check/history.js";
import { findViolations, formatViolation } from "../check/linearizability.js";
import { recount } from "../check/recount.js";
import type { RunReport } from "./record.js";
import { ServerProcess } from "./server-process.js";
import { SplitLoop } from "./split-loop.js";
import { WipeLoop } from "./wipe-loop.js";
import { counterOf, Workload } from "./workload.js";

export interface NothingLostOptions {
  readonly seed: number;
  /** Rounds that end with a kill -9 at a random moment. */
  readonly killRounds: number;
  /** Points at which the server is to end itself, one round for each of the times. */
  readonly crashPoints: readonly FaultPointName[];
  readonly crashTimes: readonly number[];
  readonly maxOperationsPerRound: number;
  readonly callers: number;
  readonly dataDir: string;
  readonly log: (line: string) => void;
}

export const allCrashPoints = faultPointNames;

const mapName = "load";
const clientTimeoutMs = 2_000;
const splitsPerRound = 4;
/** The first commits are those of the start itself; later ones carry the load. */
const commitsApart = 200;
/** A crash point that is not reached in this time counts as a violation: the run would prove nothing. */
const crashWaitMs = 30_000;

/** Loads a real server, ends it by force, starts it again and compares; round after round on one data folder. */
export async function runNothingLost(options: NothingLostOptions): Promise<RunReport> {
  // The timers of the Clock port keep no process alive; while the server is dead there may be nothing else that does.
  const alive = setInterval(() => undefined, 60_000);
  try {
    return await new NothingLostRun(options).all();
  } finally {
    clearInterval(alive);
  }
}

class NothingLostRun {
  readonly #options: NothingLostOptions;
  readonly #random: Random;
  readonly #history = new History(systemClock);
  readonly #workload: Workload;
  readonly #wipes = [new WipeLoop("clear"), new WipeLoop("drop")];
  readonly #violations: string[] = [];
  readonly #figures = { rounds: 0, kills: 0, crashesAtPoints: 0, killsWhileStarting: 0, splitsAsked: 0, canisters: 0, recountedEntries: 0 };
  #server: ServerProcess | undefined;
  #operations = 0;
  #limit: { readonly operations: number; readonly reached: () => void } | undefined;
  #touched = new Set<string>();

  constructor(options: NothingLostOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const load = { callers: options.callers, sharedKeys: 24, ownKeysPerCaller: 60, counters: 4, valueMaxBytes: 2_000 };
    this.#workload = new Workload(this.#history, { seed: options.seed, ...load }, (operation) => {
      this.#touched.add(operation.key);
      if (++this.#operations === this.#limit?.operations) this.#limit.reached();
    });
  }

  async all(): Promise<RunReport> {
    const { killRounds, crashPoints, crashTimes } = this.#options;
    await this.#startServer();
    await this.#asClient((bigmap) => bigmap.createMap(mapName));
    for (let i = 0; i < killRounds; i++) await this.#round(`kill-${i}`, undefined);
    for (const times of crashTimes) {
      for (const point of crashPoints) {
        const place = `${point}:${point.startsWith("commit.") ? 1 + (times - 1) * commitsApart : times}`;
        await this.#round(place, place);
      }
    }
    await this.#stopServer();
    return this.#report();
  }

  /** Load, violent end, restart, comparison. */
  async #round(name: string, crashAt: string | undefined): Promise<void> {
    this.#touched = new Set();
    const operationsBefore = this.#operations;
    if (crashAt !== undefined) {
      await this.#stopServer();
      await this.#startServer(crashAt);
    }
    // A server that was asked to end itself may have done so while it started.
    if (this.#server !== undefined) await this.#loadUntilDeath(this.#server, crashAt);
    this.#history.seal();
    await this.#startServer();
    if (crashAt === undefined && this.#random.below(4) === 0) {
      await this.#server?.kill();
      this.#figures.killsWhileStarting++;
      await this.#startServer();
    }
    await this.#asClient((bigmap) => this.#verify(bigmap, name));
    this.#figures.rounds++;
    const facts = [`${this.#operations - operationsBefore} operations`, `${this.#figures.canisters} canisters`];
    this.#options.log(`${name}: ${facts.join(", ")}, ${this.#violations.length} violations so far`);
  }

  async #loadUntilDeath(server: ServerProcess, crashAt: string | undefined): Promise<void> {
    const bigmap = await BigMap.connect({ endpoints: [server.address], timeoutMs: clientTimeoutMs });
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const splits = new SplitLoop();
    const map = bigmap.map(mapName, { value: utf8 });
    const work = [
      this.#workload.run(map, `own-${this.#figures.rounds}`, stop.signal, stop.signal),
      splits.run(bigmap, mapName, splitsPerRound, stop.signal),
      ...this.#wipes.map((wipe) => wipe.run(bigmap, stop.signal)),
    ];
    await (crashAt === undefined ? this.#killAtRandom(server) : this.#awaitCrash(server, crashAt));
    stop.abort();
    await Promise.all(work);
    this.#figures.splitsAsked += splits.spans.length;
    await bigmap.close();
  }

  async #killAtRandom(server: ServerProcess): Promise<void> {
    const operations = this.#operations + 1 + this.#random.below(this.#options.maxOperationsPerRound);
    await Promise.race([new Promise<void>((reached) => (this.#limit = { operations, reached })), server.ended]);
    const { signal } = await server.kill();
    if (signal !== "SIGKILL") this.#violations.push("the server ended by itself under load");
    this.#figures.kills++;
  }

  async #awaitCrash(server: ServerProcess, crashAt: string): Promise<void> {
    const stopWaiting = new AbortController();
    const waited = new Promise<undefined>((resolve) => {
      const cancel = systemClock.setTimer(crashWaitMs, () => resolve(undefined));
      stopWaiting.signal.addEventListener("abort", cancel, { once: true });
    });
    const end = await Promise.race([server.ended, waited]);
    stopWaiting.abort();
    if (end === undefined) {
      await server.kill();
      this.#violations.push(`the crash point ${crashAt} was not reached in ${crashWaitMs} ms`);
    } else if (end.signal === "SIGKILL") this.#figures.crashesAtPoints++;
    else this.#violations.push(`at ${crashAt} the server ended with ${end.signal ?? `exit code ${end.code}`}`);
  }

  async #verify(bigmap: BigMap, round: string): Promise<void> {
    const found: string[] = [];
    const map = bigmap.map(mapName, { value: utf8 });
    const reads = await Promise.all([...this.#touched].map((key) => this.#workload.read(map, key)));
    const unread = reads.filter(({ outcome }) => outcome.kind === "failed" || outcome.kind === "unknown");
    found.push(...unread.map(({ key }) => `${key} cannot be read`));
    for (const wipe of this.#wipes) found.push(...(await wipe.verify(bigmap)));
    const { maps } = await bigmap.topology();
    for (const description of maps) found.push(...(await this.#recountMap(bigmap, description.map)));
    this.#violations.push(...found.map((message) => `after ${round}: ${message}`));
  }

  async #recountMap(bigmap: BigMap, name: string): Promise<string[]> {
    const [{ canisters }, stats] = await Promise.all([bigmap.topology(name), bigmap.map(name).stats()]);
    const wrong = await recount(bigmap.map(name, { key: bytes, value: bytes }).scan(), canisters);
    const sumOf = (read: (canister: CanisterStatus) => number): number => canisters.reduce((sum, canister) => sum + read(canister), 0);
    const entries = sumOf((canister) => canister.entries);
    const isSum = stats.entries === entries && stats.bytes === sumOf((canister) => canister.bytes);
    if (!isSum) wrong.push("the map's statistics are not the sum of its canisters");
    if (name === mapName) this.#figures.canisters = canisters.length;
    this.#figures.recountedEntries += entries;
    return wrong.map((message) => `map ${name}: ${message}`);
  }

  async #startServer(crashAt?: string): Promise<void> {
    const options = { dataDir: this.#options.dataDir, canisterCap: "64KiB", memory: "64MiB" };
    this.#server = await ServerProcess.start(crashAt === undefined ? options : { ...options, crashAt });
  }

  async #stopServer(): Promise<void> {
    const { code, signal } = (await this.#server?.stop()) ?? { code: 0, signal: null };
    if (code !== 0) this.#violations.push(`the server did not stop in order: ${signal ?? `exit code ${code}`}`);
  }

  async #asClient(work: (bigmap: BigMap) => Promise<unknown>): Promise<void> {
    assert(this.#server !== undefined, "a server without a crash point runs once it was started");
    const bigmap = await BigMap.connect({ endpoints: [this.#server.address] });
    try {
      await work(bigmap);
    } finally {
      await bigmap.close();
    }
  }

  #report(): RunReport {
    const operations = this.#history.operations();
    const groups = byKey(operations);
    this.#violations.push(...findViolations(groups).map(formatViolation));
    for (const [key, group] of groups) if (key.startsWith("counter-")) this.#violations.push(...counterViolations(key, group));
    const count = (kind: string): number => operations.filter(({ outcome }) => outcome.kind === kind).length;
    const outcomes = {
      written: count("written"),
      deleted: count("deleted"),
      conditionFailed: count("condition-failed"),
      unknown: count("unknown"),
      refused: count("failed"),
    };
    const wipes = Object.fromEntries(this.#wipes.map((wipe) => [`${wipe.name}Times`, wipe.wipes]));
    const { seed, killRounds, crashPoints, crashTimes, maxOperationsPerRound, callers } = this.#options;
    return {
      settings: { seed, killRounds, crashPoints, crashTimes, maxOperationsPerRound, callers },
      figures: { ...this.#figures, operations: operations.length, keys: groups.size, ...outcomes, ...wipes },
      violations: this.#violations,
    };
  }
}

/** A counter stands between its acknowledged raises and those plus the unknown ones. */
function counterViolations(key: string, operations: ReturnType<History["operations"]>): string[] {
  const raises = operations.filter(({ kind }) => kind === "put");
  const acknowledged = raises.filter(({ outcome }) => outcome.kind === "written").length;
  const unknown = raises.filter(({ outcome }) => outcome.kind === "unknown").length;
  const last = operations.findLast(({ outcome }) => outcome.kind === "found")?.outcome;
  const count = last?.kind === "found" ? counterOf(last.value) : 0;
  const isRight = count >= acknowledged && count <= acknowledged + unknown;
  return isRight ? [] : [`${key} is ${count}, but ${acknowledged} raises were acknowledged and ${unknown} are unknown`];
}
