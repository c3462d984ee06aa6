import { Redis } from "ioredis";
import type { Settings } from "../driver/results.js";
import { freePort, type Workbench } from "../driver/workbench.js";
import { mkdirSync } from "node:fs";

export type Appendfsync = "always" | "everysec";

export interface RedisServer {
  readonly port: number;
  readonly pid: number;
  /** As the running server tells them. */
  readonly settings: Settings;
  close(): Promise<void>;
}

const toldSettings = [
  "appendonly",
  "appendfsync",
  "no-appendfsync-on-rewrite",
  "auto-aof-rewrite-percentage",
  "auto-aof-rewrite-min-size",
  "aof-use-rdb-preamble",
  "save",
  "io-threads",
  "maxmemory",
  "hz",
];

/** A redis-server of its own, with nothing but the log of updates set away from the defaults. */
export async function startRedis(bench: Workbench, appendfsync: Appendfsync): Promise<RedisServer> {
  const folder = bench.newFolder("redis");
  mkdirSync(folder);
  const port = await freePort();
  const words = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"];
  const server = await bench.start("redis-server", [...words, "--appendfsync", appendfsync], /Ready to accept connections/);
  const client = new Redis({ port, host: "127.0.0.1" });
  const settings: Record<string, string> = {};
  for (const name of toldSettings) settings[name] = (await client.config("GET", name))[1] ?? "";
  await client.quit();
  return { port, pid: server.pid, settings, close: server.stop };
}
