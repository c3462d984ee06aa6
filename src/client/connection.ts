import type { MapBackend } from "../base/map-backend.js";
import type { ResultSink } from "../base/operation-batch.js";
import type { RouterBackend } from "../ring/topology.js";

/** What the map API stands on: a replica in this process, or a connection to an installation of them. */
export interface Connection extends MapBackend, RouterBackend {
  /**
   * Whether nobody here looks at a batch's values once all of it is answered, so that their memory may be used again.
   * A replica in this process does look: a put's value is what a get behind it finds.
   */
  readonly forgetsAnswered?: boolean;
  /**
   * Forgets the batch that was submitted with this sink: what was not sent is never sent. Returns whether any of it was
   * sent and may have been carried out. A connection that lacks this method counts as having sent all that was submitted.
   */
  withdraw?(sink: ResultSink): boolean;
  /** Answers what is under way, then frees what it holds. */
  close(): Promise<void>;
}
