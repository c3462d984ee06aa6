import { fileURLToPath } from "node:url";
import { BigMap } from "../../src/client/bigmap.js";
import type { ServerProcess, Workbench } from "./workbench.js";

const program = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

export interface BigMapServerOptions {
  readonly memoryBytes: number;
  readonly canisterCapBytes?: number;
  /** "fsync" by default, as the program's own default. */
  readonly durability?: "fsync" | "os";
  /** By default a new folder of the workbench. */
  readonly dataDir?: string;
}

/** `bigmap start` in a process of its own, with a client. */
export interface BigMapServer {
  readonly address: string;
  readonly pid: number;
  readonly client: BigMap;
  readonly dataDir: string;
  /** Closes the client and stops the server in order. */
  close(): Promise<void>;
}

export async function startBigMapServer(bench: Workbench, options: BigMapServerOptions): Promise<BigMapServer> {
  const dataDir = options.dataDir ?? bench.newFolder("bigmap");
  const words = ["start", "--json", "--data", dataDir, "--listen", "127.0.0.1:0", "--log-level", "warn"];
  words.push("--memory", String(options.memoryBytes), "--durability", options.durability ?? "fsync");
  if (options.canisterCapBytes !== undefined) words.push("--canister-cap", String(options.canisterCapBytes));
  const server: ServerProcess = await bench.start(process.execPath, [program, ...words], /"address":\s*"([^"]+)"/);
  const address = server.ready[1] as string;
  const client = await BigMap.connect({ endpoints: [address] });
  const close = async (): Promise<void> => {
    await client.close();
    await server.stop();
  };
  return { address, pid: server.pid, client, dataDir, close };
}
