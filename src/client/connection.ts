import type { BigMapError } from "../base/errors.js";
import type { MapBackend } from "../base/map-backend.js";
import type { ResultSink } from "../base/operation-batch.js";
import type { RouterBackend } from "../ring/topology.js";

/** What the map API stands on: a replica in this process, or a connection to an installation of them. */
export interface Connection extends MapBackend, RouterBackend {
  /**
   * Answers at once every operation that was submitted with this sink and is still open: what was never sent, and
   * queries, with `reason`; updates that were sent with OUTCOME_UNKNOWN. Nothing is delivered to the sink afterwards.
   * A connection that lacks this method counts as having sent all that was submitted.
   */
  withdraw?(sink: ResultSink, reason: BigMapError): void;
  /** Answers what is under way, then frees what it holds. */
  close(): Promise<void>;
}
