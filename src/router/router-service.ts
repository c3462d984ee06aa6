import { rawCodec } from "../proto/message-codec.js";
import { routerMethods } from "../proto/methods.js";
import type { RouterBackend } from "../ring/topology.js";
import { AnswerRoom } from "../rpc/answer-room.js";
import { implementService, type Service, type ServicePorts } from "../rpc/service.js";
import { RouterAnswers } from "./router-answers.js";

/** The answers that are large come as bytes, which callers share. */
const servedMethods = {
  ...routerMethods,
  getRing: { ...routerMethods.getRing, response: rawCodec },
  watchRing: { ...routerMethods.watchRing, response: rawCodec },
  getTopology: { ...routerMethods.getTopology, response: rawCodec },
} as const;

/** bigmap.v1.RouterService over the router canister. */
export function routerService(router: RouterBackend, ports: ServicePorts, room = new AnswerRoom()): Service {
  const answers = new RouterAnswers(router, ports.clock, room);
  return implementService(
    servedMethods,
    {
      getRing: ({ map }, context) => answers.ring(map, context),
      watchRing: ({ map }, context) => answers.rings(map, context),
      splitCanister: ({ canisterId, cut }) => router.splitCanister(canisterId, cut),
      getTopology: ({ map }, context) => answers.topology(map, context),
    },
    ports,
  );
}
