import { BigMapError } from "../base/errors.js";
import { sleep } from "../base/clock.js";
import { routerMethods } from "../proto/methods.js";
import type { MapRing } from "../ring/topology.js";
import { Backoff } from "./backoff.js";
import type { LinkPorts, ReplicaLink } from "./replica-link.js";

/** The rings of one map as they come, over as many connections as it takes. Ends quietly when the signal is aborted. */
export class RingWatch implements AsyncIterable<MapRing> {
  readonly #map: string;
  readonly #signal: AbortSignal;
  readonly #link: ReplicaLink;
  readonly #ports: LinkPorts & { readonly timeoutMs: number };

  /** `timeoutMs`: how long the watch waits for a connection before it fails with UNAVAILABLE. */
  constructor(map: string, signal: AbortSignal, link: ReplicaLink, ports: LinkPorts & { readonly timeoutMs: number }) {
    this.#map = map;
    this.#signal = signal;
    this.#link = link;
    this.#ports = ports;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<MapRing, void, undefined> {
    const backoff = new Backoff(this.#ports.random);
    let last: MapRing | undefined;
    while (!this.#signal.aborted) {
      try {
        for await (const mapRing of this.#connected()) {
          backoff.reset();
          if (last !== undefined && !isNewer(mapRing, last)) continue;
          last = mapRing;
          yield mapRing;
        }
      } catch (thrown) {
        if (this.#signal.aborted) return;
        const error = BigMapError.from(thrown);
        if (error.retry !== "transient") throw error;
      }
      await sleep(this.#ports.clock, backoff.nextDelayMs(), this.#signal).catch(() => undefined);
    }
  }

  async *#connected(): AsyncGenerator<MapRing, void, undefined> {
    const session = await this.#session();
    yield* session.channel.serverStream(routerMethods.watchRing, { map: this.#map }, { signal: this.#signal });
  }

  /** A connection that does not come back in time ends the watch, whatever the advice. */
  async #session() {
    const { clock, timeoutMs } = this.#ports;
    try {
      return await this.#link.session(clock.monotonicMs() + timeoutMs, this.#signal);
    } catch (thrown) {
      const error = BigMapError.from(thrown);
      throw new BigMapError(error.code, error.message, { cause: error, retry: "permanent" });
    }
  }
}

/** A map that was dropped and made anew begins its versions again. */
function isNewer(mapRing: MapRing, last: MapRing): boolean {
  return mapRing.mapId !== last.mapId || mapRing.ring.version > last.ring.version;
}
