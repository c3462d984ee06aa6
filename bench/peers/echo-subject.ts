import { fileURLToPath } from "node:url";
import { BigMap } from "../../src/client/bigmap.js";
import { PipeRoad } from "../../src/cli/bench/pipe-road.js";
import { throughRoad, type SubjectKind } from "./subject.js";

const program = fileURLToPath(new URL("./echo-server.js", import.meta.url));

export const echoSubject: SubjectKind = {
  name: "echo-floor",
  description:
    "What the road allows: our whole client, the same bytes and the same pipe, and a server process that answers every " +
    "operation at once without storing. Read values are checked for their length only",
  store: undefined,
  supports: (workload) => workload !== "scan",
  async open(options) {
    const { servers, bench, valueBytes } = options;
    const { client, pid } = await servers.get("echo-floor", async () => {
      const server = await bench.start(process.execPath, [program, String(valueBytes)], /echo floor on (\S+)/);
      const client = await BigMap.connect({ endpoints: [server.ready[1] as string] });
      const close = async (): Promise<void> => {
        await client.close();
        await server.stop();
      };
      return { client, pid: server.pid, close };
    });
    return {
      ...throughRoad(new PipeRoad(client, "floor"), options),
      serverPids: [pid],
      settings: { client: "BigMap.connect, defaults; keys utf8, values bytes", storage: "none" },
      adapt: (plan) => ({ ...plan, check: "lengths" }),
    };
  },
};
