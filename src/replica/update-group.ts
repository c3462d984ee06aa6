import type { BatchExecution } from "./batch-execution.js";
import type { Commit } from "./commit.js";
import type { HostedCanister } from "./hosted-canister.js";
import type { PendingKey } from "./pending-keys.js";

/**
 * The operations that arrived for the update pipeline in one turn, as columns, in order of arrival. Those of one atomic
 * batch that fall into one canister are neighbours: the first has their number in `unitSizes`. HOT.
 */
export class UpdateGroup {
  readonly executions: BatchExecution[] = [];
  readonly indexes: number[] = [];
  readonly canisters: HostedCanister[] = [];
  readonly keys: PendingKey[] = [];
  readonly arrivals: number[] = [];
  readonly unitSizes: number[] = [];
  /** Keys of which the prior entry must be read first. */
  readonly loads: PendingKey[] = [];
  /** Queries of the same keys that came before and are still being read. */
  readonly earlierReads = new Set<Promise<unknown>>();
  /** Kept so that reading ahead has a result, and is not left out: see `decideGroup`. */
  entriesNear = 0;
  /** Everything that is needed to decide is known. */
  isReady = false;

  get size(): number {
    return this.executions.length;
  }

  /** A key that may be among the loads already, which are few: a group is sent when it is full. */
  addLoad(key: PendingKey): void {
    if (!this.loads.includes(key)) this.loads.push(key);
  }
}

/** Work of the replica itself that must lie between the updates before it and those after it; has a commit of its own. */
export interface SystemStep {
  readonly isReady: true;
  /** Adds rows to the commit. */
  readonly prepare: (commit: Commit) => void;
  /** Called when the rows are durable, or could not be written. */
  readonly done: (error: unknown) => void;
}

/** A place in the pipeline. */
export interface Marker {
  readonly isReady: true;
  /** Called when everything that was pushed before is decided and sent. */
  readonly passed: () => void;
}
