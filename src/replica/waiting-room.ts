import type { CancelTimer, Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { BatchExecution } from "./batch-execution.js";
import type { HostedCanister, ParkedOperations } from "./hosted-canister.js";
import type { RouteTable } from "./map-routes.js";
import { tokenNumber } from "./pending-keys.js";
import type { UpdateGroup } from "./update-group.js";

const tickMs = 200;

/**
 * Operations that wait for a canister which is frozen or at its hard cap. The wait is bounded: what waits too long, or past
 * its deadline, is refused; nothing of it was done.
 */
export class WaitingRoom {
  #cancel: CancelTimer;

  constructor(
    private readonly clock: Clock,
    private readonly routes: RouteTable,
    private readonly release: (hosted: HostedCanister) => void,
    private readonly onAnswered: (execution: BatchExecution, index: number) => void,
  ) {
    this.#cancel = clock.setTimer(tickMs, () => this.#tick());
  }

  /** Takes operations of a group that were not decided. */
  enter(hosted: HostedCanister, group: UpdateGroup, first: number, size: number): void {
    const execution = group.executions[first] as BatchExecution;
    const indexes = group.indexes.slice(first, first + size);
    const arrival = group.arrivals[first] as number;
    const parkedAtMs = (execution.waitingSinceMs ??= this.clock.monotonicMs());
    const numbers = group.keys.slice(first, first + size).map((key) => tokenNumber(key.tokenHigh, key.tokenLow));
    hosted.park({ execution, indexes, arrival, parkedAtMs }, numbers);
  }

  close(): void {
    this.#cancel();
    for (const hosted of this.routes.canisters()) {
      this.#refuse(hosted.takeParked(), () => new BigMapError("SHUTTING_DOWN", "The replica is stopping"));
    }
  }

  #tick(): void {
    const nowMs = this.clock.monotonicMs();
    for (const hosted of this.routes.canisters()) if (hosted.parked.length > 0) this.#expire(hosted, nowMs);
    this.#cancel = this.clock.setTimer(tickMs, () => this.#tick());
  }

  #expire(hosted: HostedCanister, nowMs: number): void {
    const isLate = (parked: ParkedOperations): boolean =>
      nowMs - parked.parkedAtMs >= limits.splitWaitMaxMs || nowMs > parked.execution.batch.deadlineMs;
    const late = hosted.parked.filter(isLate);
    if (late.length === 0) return;
    hosted.parked = hosted.parked.filter((parked) => !isLate(parked));
    this.#refuse(late, (parked) => lateError(hosted, nowMs > parked.execution.batch.deadlineMs));
    void this.#reopen(hosted);
  }

  /**
   * No split came: what waited behind, a delete perhaps, gets its turn. What arrived before the canister was full may still be in
   * the pipeline, and must not be overtaken by what waits here.
   */
  async #reopen(hosted: HostedCanister): Promise<void> {
    await hosted.drained();
    if (!hosted.isFull || hosted.canister.state !== "serving") return;
    hosted.isFull = false;
    this.release(hosted);
  }

  #refuse(refused: readonly ParkedOperations[], errorOf: (parked: ParkedOperations) => BigMapError): void {
    for (const parked of refused) {
      const error = errorOf(parked);
      for (const index of parked.indexes) {
        this.onAnswered(parked.execution, index);
        parked.execution.addError(index, error);
      }
    }
    for (const execution of new Set(refused.map((parked) => parked.execution))) execution.flush();
  }
}

function lateError(hosted: HostedCanister, deadlinePassed: boolean): BigMapError {
  const { canisterId } = hosted.canister;
  if (deadlinePassed) return new BigMapError("DEADLINE_EXCEEDED", `Canister ${canisterId} took no updates before the deadline`);
  return new BigMapError("CANISTER_BUSY", `Canister ${canisterId} took no updates for ${limits.splitWaitMaxMs} ms`);
}
