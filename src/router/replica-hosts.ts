import { BigMapError } from "../base/errors.js";
import type { ReplicaId } from "../base/ids.js";
import type { CanisterHost } from "../canister/canister-host.js";
import type { CanisterStatus } from "../ring/topology.js";

/** The replicas that the router may command, by name. */
export class ReplicaHosts {
  readonly #hosts: ReadonlyMap<ReplicaId, CanisterHost>;
  readonly #replicaIds: readonly ReplicaId[];

  /** Errors: INVALID_ARGUMENT where there is no host, or two have one name. */
  constructor(hosts: readonly CanisterHost[]) {
    this.#hosts = new Map(hosts.map((host) => [host.replicaId, host]));
    this.#replicaIds = hosts.map((host) => host.replicaId);
    if (hosts.length === 0) throw new BigMapError("INVALID_ARGUMENT", "A router needs at least one replica");
    if (this.#hosts.size < hosts.length) throw new BigMapError("INVALID_ARGUMENT", "Two replicas have the same name");
  }

  all(): Iterable<CanisterHost> {
    return this.#hosts.values();
  }

  /** Errors: UNAVAILABLE where no such replica is known. */
  host(replicaId: ReplicaId): CanisterHost {
    const host = this.#hosts.get(replicaId);
    if (host === undefined) throw new BigMapError("UNAVAILABLE", `Replica ${replicaId} is not known to this router`);
    return host;
  }

  /** Names in turn: where the `place`-th of a series of canisters goes. */
  inTurn(place: number): ReplicaId {
    return this.#replicaIds[place % this.#replicaIds.length] as ReplicaId;
  }

  canisterStatuses(): CanisterStatus[] {
    return [...this.#hosts.values()].flatMap((host) => host.canisterStatuses());
  }
}
