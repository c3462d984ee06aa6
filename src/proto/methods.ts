import * as entry from "./entry-codec.js";
import * as map from "./map-codec.js";
import { rawCodec, type MessageCodec } from "./message-codec.js";
import * as ring from "./ring-codec.js";
import * as topology from "./topology-codec.js";

/** How many messages travel: one each way, one and then many, or many both ways. */
export type MethodShape = "unary" | "server stream" | "pipe";

/** A gRPC method: where it is found, what it carries, and whether a call that got lost may have changed something. */
export interface Method<Request, Response, Shape extends MethodShape = MethodShape> {
  /** `/bigmap.v1.MapService/Get` */
  readonly path: string;
  readonly shape: Shape;
  readonly effect: "query" | "update";
  readonly request: MessageCodec<Request>;
  readonly response: MessageCodec<Response>;
}

const mapService = "bigmap.v1.MapService";
const routerService = "bigmap.v1.RouterService";
const replicaService = "bigmap.v1.ReplicaService";

export const serviceNames = [mapService, routerService, replicaService] as const;

export const mapMethods = {
  createMap: update(mapService, "CreateMap", map.createMapRequestCodec, map.createMapResponseCodec),
  listMaps: query(mapService, "ListMaps", map.listMapsRequestCodec, map.listMapsResponseCodec),
  dropMap: update(mapService, "DropMap", map.dropMapRequestCodec, map.dropMapResponseCodec),
  clear: update(mapService, "Clear", map.clearRequestCodec, map.clearResponseCodec),
  get: query(mapService, "Get", entry.getRequestCodec, entry.getResponseCodec),
  put: update(mapService, "Put", entry.putRequestCodec, entry.putResponseCodec),
  delete: update(mapService, "Delete", entry.deleteRequestCodec, entry.deleteResponseCodec),
  getMany: query(mapService, "GetMany", entry.getManyRequestCodec, entry.getManyResponseCodec),
  write: update(mapService, "Write", entry.writeRequestCodec, entry.writeResponseCodec),
  scan: method(mapService, "Scan", "server stream", "query", entry.scanRequestCodec, entry.scanResponseCodec),
  pages: method(mapService, "Pages", "pipe", "query", rawCodec, rawCodec),
  stats: query(mapService, "Stats", map.statsRequestCodec, map.statsResponseCodec),
  pipe: method(mapService, "Pipe", "pipe", "update", rawCodec, rawCodec),
} as const;

export const routerMethods = {
  getRing: query(routerService, "GetRing", ring.getRingRequestCodec, ring.getRingResponseCodec),
  watchRing: method(routerService, "WatchRing", "server stream", "query", ring.watchRingRequestCodec, ring.watchRingResponseCodec),
  splitCanister: update(routerService, "SplitCanister", ring.splitCanisterRequestCodec, ring.splitCanisterResponseCodec),
  getTopology: query(routerService, "GetTopology", topology.topologyRequestCodec, topology.topologyResponseCodec),
} as const;

export const replicaMethods = {
  createCanister: update(replicaService, "CreateCanister", topology.createCanisterRequestCodec, topology.createCanisterResponseCodec),
  startCanister: update(replicaService, "StartCanister", topology.startCanisterRequestCodec, topology.startCanisterResponseCodec),
  stopCanister: update(replicaService, "StopCanister", topology.stopCanisterRequestCodec, topology.stopCanisterResponseCodec),
  deleteCanister: update(replicaService, "DeleteCanister", topology.deleteCanisterRequestCodec, topology.deleteCanisterResponseCodec),
  canisterStatus: query(replicaService, "CanisterStatus", topology.canisterStatusRequestCodec, topology.canisterStatusResponseCodec),
} as const;

function query<Request, Response>(service: string, name: string, request: MessageCodec<Request>, response: MessageCodec<Response>) {
  return method(service, name, "unary", "query", request, response);
}

function update<Request, Response>(service: string, name: string, request: MessageCodec<Request>, response: MessageCodec<Response>) {
  return method(service, name, "unary", "update", request, response);
}

function method<Request, Response, Shape extends MethodShape>(
  service: string,
  name: string,
  shape: Shape,
  effect: "query" | "update",
  request: MessageCodec<Request>,
  response: MessageCodec<Response>,
): Method<Request, Response, Shape> {
  return { path: `/${service}/${name}`, shape, effect, request, response };
}
