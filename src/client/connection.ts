import type { BigMapError } from "../base/errors.js";
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
  /** Why nothing is sent now: there is no connection. Undefined, or absent: what is submitted is sent. */
  outage?(): BigMapError | undefined;
  /** The client is being closed: what finds no connection from now on, and what waits for one, is UNAVAILABLE at once, for good. */
  stopWaiting?(): void;
  /** Answers what is under way, then frees what it holds. */
  close(): Promise<void>;
}
