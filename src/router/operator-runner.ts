import { sleep, type CancelTimer, type Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { CanisterId, ReplicaId } from "../base/ids.js";
import type { Logger } from "../base/logger.js";
import type { Random } from "../base/random.js";
import type { CanisterSplitter } from "./canister-splitter.js";
import type { ReplicaHosts } from "./replica-hosts.js";
import { needsSplit, planSplits, type PlannerSettings, type SplitOperator } from "./split-planner.js";

export interface OperatorRunnerOptions {
  readonly splitter: CanisterSplitter;
  readonly hosts: ReplicaHosts;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly planner: PlannerSettings;
}

/** Plans are made when a canister reports pressure; the slow tick is there for what was missed. */
const tickMs = 1_000;
const attemptsMax = 8;
const backoffFirstMs = 10;
const backoffMaxMs = 500;
/** How long a canister rests after its operator ended without a split. */
const restMs = 1_000;

interface RunningOperator {
  readonly operator: SplitOperator;
  readonly ended: Promise<void>;
}

/** Asks the planner for operators and carries them out, several at once. Every operator ends, whatever happens. */
export class OperatorRunner {
  readonly #options: OperatorRunnerOptions;
  readonly #running = new Map<CanisterId, RunningOperator>();
  readonly #unsplittableBytes = new Map<CanisterId, number>();
  readonly #restsUntilMs = new Map<CanisterId, number>();
  readonly #unsubscribes: (() => void)[] = [];
  readonly #stopping = new AbortController();
  #cancelTick: CancelTimer = () => undefined;
  #planScheduled = false;

  constructor(options: OperatorRunnerOptions) {
    this.#options = options;
  }

  start(): void {
    for (const host of this.#options.hosts.all()) this.#unsubscribes.push(host.onPressure(() => this.#schedulePlan()));
    this.#tick();
  }

  /** Begins nothing new and resolves when what runs has ended. Errors: none. */
  async stop(): Promise<void> {
    this.#stopping.abort(new BigMapError("SHUTTING_DOWN", "The router stops"));
    this.#cancelTick();
    for (const unsubscribe of this.#unsubscribes.splice(0)) unsubscribe();
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  #tick(): void {
    this.#schedulePlan();
    this.#cancelTick = this.#options.clock.setTimer(tickMs, () => this.#tick());
  }

  /** Many reports of one turn make one plan. */
  #schedulePlan(): void {
    if (this.#planScheduled || this.#stopping.signal.aborted) return;
    this.#planScheduled = true;
    queueMicrotask(() => {
      this.#planScheduled = false;
      if (!this.#stopping.signal.aborted) this.#plan();
    });
  }

  #plan(): void {
    const canisters = this.#options.hosts.canisterStatuses();
    this.#forgetAllBut(new Set(canisters.map(({ canisterId }) => canisterId)));
    const manual = this.#options.splitter.underWay.filter(({ canisterId }) => !this.#running.has(canisterId));
    const view = {
      canisters,
      pending: [...manual, ...[...this.#running.values()].map(({ operator }) => operator)],
      unsplittableBytes: this.#unsplittableBytes,
      restsUntilMs: this.#restsUntilMs,
      nowMs: this.#options.clock.monotonicMs(),
    };
    for (const operator of planSplits(view, this.#options.planner)) this.#begin(operator);
  }

  #begin(operator: SplitOperator): void {
    const ended = this.#run(operator).finally(() => {
      this.#running.delete(operator.canisterId);
      // There may be room for one that the bound held back, or one half may still be over its soft cap.
      this.#schedulePlan();
    });
    this.#running.set(operator.canisterId, { operator, ended });
  }

  async #run(operator: SplitOperator): Promise<void> {
    const { canisterId } = operator;
    for (let attempt = 1; ; attempt++) {
      try {
        const split = await this.#options.splitter.split(canisterId, undefined);
        this.#options.logger.info({ ...split, replicaId: operator.replicaId, attempt }, "Canister split");
        return;
      } catch (error) {
        const failure = BigMapError.from(error);
        if (failure.retry !== "transient" || attempt === attemptsMax || !(await this.#backOff(operator, attempt))) {
          this.#recordFailure(operator, failure);
          return;
        }
      }
    }
  }

  /** Waits before the next attempt; false where there is no need or no time for one. */
  async #backOff({ canisterId, replicaId }: SplitOperator, attempt: number): Promise<boolean> {
    const { clock, random, hosts, planner } = this.#options;
    const longestMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** (attempt - 1));
    try {
      await sleep(clock, longestMs * (0.5 + random.unit() / 2), this.#stopping.signal);
      return needsSplit(hosts.host(replicaId).canisterStatus(canisterId), planner);
    } catch {
      // The router stops, or the canister is gone.
      return false;
    }
  }

  #recordFailure({ canisterId, replicaId }: SplitOperator, failure: BigMapError): void {
    const { clock, logger } = this.#options;
    // What an unsplittable canister waits for is a change of its bytes, and it need not wait any longer than that.
    if (failure.code === "CANISTER_UNSPLITTABLE") this.#rememberUnsplittable(canisterId, replicaId);
    else this.#restsUntilMs.set(canisterId, clock.monotonicMs() + restMs);
    const { code, message } = failure;
    if (!this.#stopping.signal.aborted) logger.warn({ canisterId, replicaId, code, message }, "Canister not split");
  }

  #rememberUnsplittable(canisterId: CanisterId, replicaId: ReplicaId): void {
    const status = this.#options.hosts
      .host(replicaId)
      .canisterStatuses()
      .find((canister) => canister.canisterId === canisterId);
    if (status !== undefined) this.#unsplittableBytes.set(canisterId, status.bytes);
  }

  #forgetAllBut(canisterIds: ReadonlySet<CanisterId>): void {
    for (const memory of [this.#unsplittableBytes, this.#restsUntilMs]) {
      for (const canisterId of memory.keys()) if (!canisterIds.has(canisterId)) memory.delete(canisterId);
    }
  }
}
