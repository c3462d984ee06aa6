import type { BigMapError } from "../base/errors.js";
import type { AbsenceFilter } from "./absence-filter.js";
import type { Admission } from "./admission.js";
import type { BatchExecution } from "./batch-execution.js";
import type { ColdReads } from "./cold-reads.js";
import type { EntryCache } from "./entry-cache.js";
import type { RouteTable } from "./map-routes.js";
import type { PendingKeys } from "./pending-keys.js";
import type { UpdatePipeline } from "./update-pipeline.js";

/** Carries out operations whose keys belong to other replicas. */
export interface Forwarder {
  forward(execution: BatchExecution, indexes: readonly number[], address: string): void;
}

/** What a dispatcher works with. */
export interface DispatcherParts {
  readonly routes: RouteTable;
  readonly cache: EntryCache;
  readonly absence: AbsenceFilter;
  readonly coldReads: ColdReads;
  readonly pendingKeys: PendingKeys;
  readonly pipeline: UpdatePipeline;
  readonly admission: Admission;
  readonly forwarder: Forwarder;
  /** HOST:PORT of a replica. */
  readonly addressOf: (replicaId: string) => string;
  readonly monotonicMs: () => number;
  /** Makes the map, for its first write; when it resolves the routes are there. */
  readonly ensureMap: (map: string) => Promise<unknown>;
  /** Set while updates are refused: the disk is nearly full, or the replica stops. */
  readonly updatesRefused: (operation: number) => BigMapError | undefined;
}
