import { severalSessions, type SessionId } from "../base/ids.js";
import type { DataCanister } from "../canister/data-canister.js";
import type { BatchExecution } from "./batch-execution.js";

/** Operations that wait until their canister takes updates again: one, or the updates of an atomic batch that belong together. */
export interface ParkedOperations {
  readonly execution: BatchExecution;
  readonly indexes: readonly number[];
  /** Order in which they arrived at the replica. */
  readonly arrival: number;
  readonly parkedAtMs: number;
}

/** What all canisters share where nothing is parked, so that a query need not look into an array of each. Stays empty. */
const nothingParked: ParkedOperations[] = [];

/**
 * A data canister and what the replica keeps about it. There may be thousands: what operations touch stands first, side by side, and
 * what only few canisters need is made when they do.
 */
export class HostedCanister {
  /** Names the canister's entries in the cache; a new one forgets them all. */
  cacheSpace: number;
  /** Updates at the hard cap wait here, and all that came after them. */
  isFull = false;
  /** Accepted updates that are not answered. */
  outstanding = 0;
  /** The commit that was the last to write rows of this canister. */
  lastCommitNumber = -1;
  /** A commit changed the canister since the last checkpoint wrote its row. */
  isDirty = false;
  /** While the entries are being deleted nothing is put into the cache, and the stored row says that it must be finished. */
  isClearing = false;
  parked = nothingParked;
  /** By token number, whose operations are parked: a query that comes after a parked update of its session must wait too. */
  #parkedTokens: Map<number, SessionId> | undefined;
  /** Was reported over the soft cap at this many bytes; reported again when it has grown. */
  reportedBytes = 0;
  #onDrained: (() => void)[] | undefined;

  constructor(
    readonly canister: DataCanister,
    cacheSpace: number,
  ) {
    this.cacheSpace = cacheSpace;
  }

  /** Whether new updates are taken. */
  get takesUpdates(): boolean {
    return this.canister.state === "serving" && !this.isFull;
  }

  get takesQueries(): boolean {
    return this.canister.state === "serving" || this.canister.state === "frozen";
  }

  /** Resolves when every accepted update is answered. */
  drained(): Promise<void> {
    if (this.outstanding === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onDrained ??= []).push(resolve));
  }

  released(): void {
    if (--this.outstanding > 0 || this.#onDrained === undefined) return;
    const waiting = this.#onDrained;
    this.#onDrained = undefined;
    for (const resolve of waiting) resolve();
  }

  /** Parks operations on these tokens. */
  park(operations: ParkedOperations, tokenNumbers: readonly number[]): void {
    const { sessionId } = operations.execution;
    if (this.parked.length === 0) this.parked = [operations];
    else this.parked.push(operations);
    const tokens = (this.#parkedTokens ??= new Map<number, SessionId>());
    for (const number of tokenNumbers) {
      const known = tokens.get(number) ?? sessionId;
      tokens.set(number, known === sessionId ? sessionId : severalSessions);
    }
  }

  /** Whether an operation of the session on this token is parked. HOT. */
  hasParked(tokenNumber: number, sessionId: SessionId): boolean {
    const known = this.#parkedTokens?.get(tokenNumber);
    return known !== undefined && (known === sessionId || known === severalSessions);
  }

  /** Takes the parked operations, in the order in which they arrived. */
  takeParked(): ParkedOperations[] {
    const parked = this.parked.sort((a, b) => a.arrival - b.arrival);
    this.parked = nothingParked;
    this.#parkedTokens = undefined;
    return parked;
  }
}
