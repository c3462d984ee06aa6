import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { ScanRequest } from "../proto/entry-codec.js";
import type { PipeCall } from "../rpc/service.js";
import { StallWatch } from "../rpc/stall-watch.js";
import { PageStream, type PageStreamPorts } from "./page-stream.js";
import { scanPlaces, type Places } from "./places.js";

/** All open streams of pages of a server, and the places in which it serves pages. */
export class PageServer {
  readonly #clock: Clock;
  readonly #stalls: StallWatch;
  readonly #read: PageStreamPorts["read"];
  readonly #places: Places;
  /** A page that waits for another replica keeps its place meanwhile. Those that replicas ask for wait for no other, and have their own. */
  readonly #forwardedPlaces: Places;
  readonly #streams = new Set<PageStream>();
  #draining = false;

  /** `read`: one page of a scan. */
  constructor(clock: Clock, read: PageStreamPorts["read"]) {
    this.#clock = clock;
    this.#stalls = new StallWatch(clock);
    this.#read = read;
    this.#places = scanPlaces(clock, limits.scanPagesServedMost);
    this.#forwardedPlaces = scanPlaces(clock, limits.scanPagesServedMost);
  }

  placesOf({ noForward }: ScanRequest): Places {
    return noForward ? this.#forwardedPlaces : this.#places;
  }

  accept(call: PipeCall): void {
    const stream: PageStream = new PageStream(call, {
      stalls: this.#stalls,
      ownPlaces: scanPlaces(this.#clock, limits.scanPagesOfStreamMost),
      placesOf: (scan) => this.placesOf(scan),
      read: this.#read,
      onEnd: () => void this.#streams.delete(stream),
    });
    this.#streams.add(stream);
    if (this.#draining) stream.fail(shuttingDown());
  }

  /** Ends every stream, with the pages that are not sent: they may be asked elsewhere. */
  drain(): Promise<void> {
    this.#draining = true;
    for (const stream of this.#streams) stream.fail(shuttingDown());
    return Promise.resolve();
  }
}

function shuttingDown(): BigMapError {
  return new BigMapError("SHUTTING_DOWN", "The replica stops");
}
