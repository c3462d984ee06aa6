import { PipeRoad } from "../../src/cli/bench/pipe-road.js";
import { startBigMapServer, type BigMapServer } from "../driver/bigmap-server.js";
import { StockUnaryRoad } from "./stock-unary-road.js";
import { everything, throughRoad, type SubjectKind, type SubjectOptions } from "./subject.js";

const map = "peers";

const serverSettings = (memoryBytes: number) => ({
  server: "bigmap start",
  durability: "fsync",
  memoryBytes,
  canisterCapBytes: "default, 4 GiB",
  replicas: 1,
});

function serverOf({ servers, bench, memoryBytes }: SubjectOptions): Promise<BigMapServer> {
  return servers.get("bigmap", () => startBigMapServer(bench, { memoryBytes }));
}

export const bigmapSubject: SubjectKind = {
  name: "bigmap",
  description: "BigMap through its own client: one connection, operations of one turn of the event loop travel together",
  store: "bigmap",
  supports: everything,
  async open(options) {
    const server = await serverOf(options);
    return {
      ...throughRoad(new PipeRoad(server.client, map), options),
      serverPids: [server.pid],
      settings: { ...serverSettings(options.memoryBytes), client: "BigMap.connect, defaults; keys utf8, values bytes" },
    };
  },
};

export const bigmapUnarySubject: SubjectKind = {
  name: "bigmap-unary",
  description: "The same BigMap server through a stock gRPC client: one unary call an operation",
  store: "bigmap",
  supports: everything,
  async open(options) {
    const server = await serverOf(options);
    return {
      ...throughRoad(new StockUnaryRoad(server.address, map), options),
      serverPids: [server.pid],
      settings: { ...serverSettings(options.memoryBytes), client: "@grpc/grpc-js with @grpc/proto-loader, defaults, one channel" },
    };
  },
};
