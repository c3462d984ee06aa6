import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import { listenersOf } from "./call-stream.js";
import { connectionsMost } from "./open-files.js";

/** How often it is told at most that connections are refused. */
const toldEveryMs = 60_000;

/**
 * Lets a gRPC server that listens have no more connections than `most`; those that come past it are closed at once. Without it, idle
 * connections alone could leave the store without a file that it may open. Where this is in vain connections have no bound.
 */
export function limitConnections(server: object, clock: Clock, logger: Logger, most = connectionsMost()): void {
  const listeners = listenersOf(server);
  const mostOfEach = Math.max(1, Math.floor(most / listeners.length));
  if (!Number.isFinite(mostOfEach)) return;
  let toldMs = -Infinity;
  for (const listener of listeners) {
    listener.maxConnections = mostOfEach;
    listener.on("drop", () => {
      const nowMs = clock.monotonicMs();
      if (nowMs - toldMs < toldEveryMs) return;
      toldMs = nowMs;
      const message = "Connections are refused: there are as many as the limit of open files leaves room for (ulimit -n)";
      logger.warn({ connections: mostOfEach }, message);
    });
  }
}
