import type { CanisterHost } from "../canister/canister-host.js";
import { replicaMethods } from "../proto/methods.js";
import { implementService, type Service, type ServicePorts } from "../rpc/service.js";

/** bigmap.v1.ReplicaService: the life of the canisters that a host has. */
export function replicaService(host: CanisterHost, ports: ServicePorts): Service {
  return implementService(
    replicaMethods,
    {
      createCanister: ({ canisterId }) => host.createCanister(canisterId),
      startCanister: ({ canisterId }) => host.startCanister(canisterId),
      stopCanister: ({ canisterId }) => host.stopCanister(canisterId),
      deleteCanister: async ({ canisterId }) => {
        await host.deleteCanister(canisterId);
        return {};
      },
      canisterStatus: async ({ canisterId }) => host.canisterStatus(canisterId),
    },
    ports,
  );
}
