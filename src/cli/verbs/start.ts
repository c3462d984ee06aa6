import { Command, Option } from "commander";
import { resolve } from "node:path";
import { formatSizeBytes } from "../../base/bytes.js";
import { limits } from "../../base/limits.js";
import type { ServerConfig } from "../../server/config.js";
import { defaultMemoryBytes } from "../../server/machine-memory.js";
import type { RunningServer } from "../../server/server.js";
import { letHeapGrow } from "../heap-growth.js";
import { endpoint, folder, oneOf, sizeOption } from "../quantities.js";
import type { VerbContext } from "../verb-context.js";

interface StartOptions {
  readonly data: string;
  readonly listen: string;
  readonly canisterCap: number;
  readonly memory: number;
  readonly durability: ServerConfig["durability"];
  readonly acceptDamagedLog?: boolean;
  readonly logLevel: ServerConfig["logLevel"];
}

const logLevels = ["debug", "info", "warn", "error", "silent"] as const satisfies readonly ServerConfig["logLevel"][];

export function startVerb(context: VerbContext): Command {
  const command = new Command("start")
    .summary("run a BigMap server on this machine")
    .description(
      "Runs a BigMap server until SIGINT (Ctrl-C) or SIGTERM, which stop it in order: it answers what it accepted, closes, exits 0.",
    )
    .option("--data <dir>", "folder for the data; made if it is not there", folder, "bigmap-data")
    .option("--listen <host:port>", "where to serve gRPC; port 0 takes a free one", endpoint, "127.0.0.1:7400")
    .addOption(
      sizeOption("--canister-cap <size>", "no data canister of a new map ever holds more (64KiB to 4GiB)", limits.canisterCapDefaultBytes),
    )
    .addOption(
      sizeOption(
        "--memory <size>",
        "main memory for entries, from 16MiB to all there is; a server takes some 200MiB besides, more with large values",
        defaultMemoryBytes(),
      ),
    )
    .addOption(
      new Option(
        "--durability <level>",
        "fsync: a write is on the disk when it is answered; os: the operating system has it, a power failure may lose it",
      )
        .argParser(oneOf(["fsync", "os"] as const))
        .default("fsync"),
    )
    .option("--accept-damaged-log", "open a damaged log too (STORAGE_CORRUPT), without the writes at and behind the damage")
    .addOption(new Option("--log-level <level>", logLevels.join(", ")).argParser(oneOf(logLevels)).default("info"))
    .addHelpText("after", "\nExamples:\n  bigmap start\n  bigmap start --data /var/lib/bigmap --listen 0.0.0.0:7400 --memory 8GiB");
  return command.action(async (options: StartOptions) => {
    const { json } = context.globals(command);
    const config: ServerConfig = {
      dataDir: resolve(options.data),
      listen: options.listen,
      canisterCapBytes: options.canisterCap,
      memoryBytes: options.memory,
      durability: options.durability,
      acceptDamagedLog: options.acceptDamagedLog,
      logLevel: options.logLevel,
    };
    letHeapGrow();
    // Only this verb needs the server, and with it the native module.
    const { startServer } = await import("../../server/server.js");
    const server = await startServer(config);
    try {
      if (json) await context.printJson({ ...config, address: server.address, pid: process.pid });
      else await context.printLines(greeting(server, config));
      await aborted(context.terminal.signal);
    } finally {
      await server.stop();
    }
    if (!json) await context.printLines(["BigMap stopped in order; everything that was acknowledged is on the disk."]);
  });
}

function greeting(server: RunningServer, config: ServerConfig): string[] {
  // Started by `npm start` in a clone there is no `bigmap` on the path.
  const command = process.env["npm_lifecycle_event"] === "start" ? "npm run --silent bigmap --" : "bigmap";
  const endpointOption = server.address === "127.0.0.1:7400" ? "" : ` --endpoint ${server.address}`;
  return [
    `BigMap listens on ${server.address} (gRPC, with health and reflection)`,
    `  data        ${config.dataDir}`,
    `  durability  ${config.durability === "fsync" ? "fsync: on the disk when answered" : "os: a power failure may lose the last writes"}`,
    `  canisters   at most ${formatSizeBytes(config.canisterCapBytes)} each; memory for entries ${formatSizeBytes(config.memoryBytes)}`,
    "Talk to it from another terminal:",
    `  ${command} put users alice '{"age":3}'${endpointOption}`,
    `  ${command} get users alice${endpointOption}`,
    `  ${command} ring users${endpointOption}`,
    `  ${command} --help`,
    "Stop it with Ctrl-C.",
  ];
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolveAborted) => {
    if (signal.aborted) resolveAborted();
    else signal.addEventListener("abort", () => resolveAborted(), { once: true });
  });
}
