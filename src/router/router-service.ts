import { routerMethods } from "../proto/methods.js";
import type { RouterBackend } from "../ring/topology.js";
import { implementService, type Service, type ServicePorts } from "../rpc/service.js";

/** bigmap.v1.RouterService over the router canister. */
export function routerService(router: RouterBackend, ports: ServicePorts): Service {
  return implementService(
    routerMethods,
    {
      getRing: ({ map }) => router.getRing(map),
      watchRing: ({ map }, { signal }) => router.watchRing(map, signal),
      splitCanister: ({ canisterId, cut }) => router.splitCanister(canisterId, cut),
      getTopology: ({ map }) => router.getTopology(map),
    },
    ports,
  );
}
